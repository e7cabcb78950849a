"""Folders of photographs through `dgan restore`: what is found, what is left out, where results go, what is kept."""

import os
import re
import shutil
import unicodedata

import numpy as np
import pytest
from PIL import Image

from dgan_jax.cli import screen
from dgan_jax.cli.main import main
from dgan_jax.core import failures
from dgan_jax.data import images, ledger, left_out, matching
from dgan_jax.data.images import read_image
from dgan_jax.ops.denoise import noise_level

NEAREST = ("--system", "nearest", "-o", "out")


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def photo(path, seed=0, size=(20, 16), **options):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path, **options)


def mask(path, box=(4, 4, 8, 9), size=(20, 16)):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    image = Image.new("L", size)
    image.paste(255, box)
    image.save(path)


def run(capsys, *arguments, code=0):
    if "--format" not in arguments:
        arguments = (*arguments, "--format", "png")
    assert main(["restore", *arguments]) == code, capsys.readouterr()
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    return " ".join((shown.out + shown.err).split())


def results(folder="out"):
    return sorted(
        os.path.relpath(os.path.join(root, name), folder)
        for root, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".")
    )


def bytes_of(path):
    with open(path, "rb") as file:
        return file.read()


# A result may replace nothing.


def test_masks_kernels_and_other_originals_are_not_replaced(work, capsys):
    photo("photo.jpg")
    mask("photo.png")
    for out in (".", "", "../" + work.name):
        before = bytes_of("photo.png")
        said = run(
            capsys, "inpaint", "photo.jpg", "--hole", "photo.png", "--system", "nearest", "-o", out or str(work), code=2
        )
        assert "photo.png is there already" in said
        assert "is not replaced" in said
        assert bytes_of("photo.png") == before
    photo("photos/a.jpg")
    mask("masks/a.png")
    before = bytes_of("masks/a.png")
    run(capsys, "inpaint", "photos", "--hole", "masks", "--system", "nearest", "-o", "masks", code=2)
    assert bytes_of("masks/a.png") == before


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling link"])
def test_whatever_is_in_the_place_of_a_result_stays(work, capsys, kind):
    photo("a.png")
    mask("m.png")
    os.mkdir("out")
    (work / "precious").write_text("precious")
    {
        "file": lambda: (work / "out" / "a.png").write_text("mine"),
        "folder": lambda: os.mkdir("out/a.png"),
        "link": lambda: os.symlink(work / "precious", "out/a.png"),
        "dangling link": lambda: os.symlink("nowhere", "out/a.png"),
    }[kind]()
    before = sorted(os.walk("out")), os.lstat("out/a.png").st_ino
    assert "is not replaced" in run(capsys, "inpaint", "a.png", "--hole", "m.png", *NEAREST, code=2)
    assert (sorted(os.walk("out")), os.lstat("out/a.png").st_ino) == before
    assert (work / "precious").read_text() == "precious"


def test_what_is_done_is_skipped_and_what_differs_is_refused_unless_told(work, capsys):
    for i in range(2):
        photo(f"photos/{i}.png", i)
    mask("m.png")
    command = ("inpaint", "photos", "--hole", "m.png")
    run(capsys, *command, *NEAREST)
    first = bytes_of("out/0.png"), os.stat("out/0.png").st_mtime_ns
    os.unlink("out/1.png")
    assert "1 of 2 done before" in run(capsys, *command, *NEAREST)
    assert (bytes_of("out/0.png"), os.stat("out/0.png").st_mtime_ns) == first
    assert results() == ["0.png", "1.png"]
    other = (*command, "--system", "bilinear", "-o", "out")
    assert "is the result of another command" in run(capsys, *other, code=2)
    assert bytes_of("out/0.png") == first[0]
    run(capsys, *other, "--again")
    assert bytes_of("out/0.png") != first[0]
    mask("m.png", (0, 0, 3, 3))
    assert "files that have changed" in run(capsys, *other, code=2)


def test_a_result_that_was_retouched_is_not_replaced_whatever_is_told(work, capsys):
    photo("a.png")
    mask("m.png")
    command = ("inpaint", "a.png", "--hole", "m.png", *NEAREST)
    run(capsys, *command)
    photo("out/a.png", 7)
    before = bytes_of("out/a.png")
    for extra in ((), ("--again",)):
        assert "not as dgan restore wrote it" in run(capsys, *command, *extra, code=2)
        assert bytes_of("out/a.png") == before


def test_what_is_done_is_skipped_before_any_network_is_opened(work, capsys, monkeypatch):
    photo("a.png")
    mask("m.png")
    run(capsys, "inpaint", "a.png", "--hole", "m.png", *NEAREST)
    monkeypatch.setattr("dgan_jax.api.restoring", lambda *_, **__: pytest.fail("opened"))
    run(capsys, "inpaint", "a.png", "--hole", "m.png", *NEAREST)


def test_the_record_survives_a_line_that_was_cut_off_and_names_that_are_no_text(tmp_path):
    kept = ledger.Ledger(tmp_path)
    name = matching.PurePath(os.fsdecode(b"sub/caf\xe9 \n.png"))
    kept.write(name, b"pixels", "command")
    with (tmp_path / ledger.NAME).open("a") as file:
        file.write('{"file": "b.png", "sha2')
    again = ledger.Ledger(tmp_path)
    assert again.state(name, "command") is ledger.State.DONE
    assert again.state(name, "other") is ledger.State.OTHER
    assert again.state(matching.PurePath("b.png"), "command") is ledger.State.FREE


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    kept = ledger.Ledger(tmp_path)
    monkeypatch.setattr(ledger.Ledger, "_note", lambda *_: (tmp_path / "a.png").write_text("other") and None)
    with pytest.raises(ValueError, match="has appeared meanwhile"):
        kept.write(matching.PurePath("a.png"), b"pixels", "command")
    assert (tmp_path / "a.png").read_text() == "other"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


# Which file is the mask.


def pairs(photos, masks):
    """photograph -> its mask, or the sentence why there is none."""
    found = matching.Masks(matching.Path(masks), photos)
    told = {}
    for path in photos:
        try:
            told[str(path)] = os.path.relpath(found.of(path), masks)
        except ValueError as error:
            told[str(path)] = str(error)
    return told


def touch(*names):
    for name in names:
        os.makedirs(os.path.dirname(name), exist_ok=True)
        open(name, "wb").close()


@pytest.mark.parametrize(
    "name",
    [
        "p1.png", "p1.PNG", "P1.png", "p1_mask.png", "p1-mask.tif", "p1.mask.png", "p1 Mask.png", "mask_p1.png", 
        "p1_hole.webp",        "p1.jpg.png", "masks/p1.png", "p1_m.bmp", "photos/p1.png", "photos/masks/p1.png",
    ],
)  # fmt: skip
def test_a_mask_is_found_by_name(work, name):
    touch(
        "photos/p1.jpg", "photos/p2.jpg", "m/p1.json", "m/p1.txt", "m/p1.jpg.bak", "m/.p1.png", "m/p10.png", f"m/{name}"
    )
    assert pairs([matching.Path("photos/p1.jpg")], "m") == {"photos/p1.jpg": name}


def test_masks_in_mirrored_folders_are_found_whatever_part_of_the_album_is_named(work):
    names = [f"{year}/{i}" for year in (1950, 1951) for i in (1, 2)]
    touch(*(f"album/{name}.jpg" for name in names), *(f"masks/{name}.png" for name in names))
    photos = [matching.Path(f"album/{name}.jpg") for name in names]
    expected = {f"album/{name}.jpg": f"{name}.png" for name in names}
    assert pairs(photos, "masks") == expected
    assert pairs(photos[:2], "masks") == dict(list(expected.items())[:2])


def test_what_is_ambiguous_is_said(work):
    touch("p/a.jpg", "m/a.png", "m/a_mask.png")
    assert "m/a.png and m/a_mask.png could each be its mask" in pairs([matching.Path("p/a.jpg")], "m")["p/a.jpg"]
    touch("q/1/b.jpg", "q/2/b.jpg", "n/b.png")
    told = pairs([matching.Path("q/1/b.jpg"), matching.Path("q/2/b.jpg")], "n")
    assert all("could be the mask of any of the photographs of this name" in text for text in told.values())
    touch("q/3/c.jpg", "n/4/c.png")
    assert "lies in a folder of another name" in pairs([matching.Path("q/3/c.jpg")], "n")["q/3/c.jpg"]


def test_photographs_are_no_masks_and_masks_no_photographs(work, capsys):
    photo("same/p1.jpg")
    assert "holds no mask for it" in run(capsys, "inpaint", "same/p1.jpg", "--hole", "same", *NEAREST, code=2)
    assert "is the photograph itself" in run(
        capsys, "inpaint", "same/p1.jpg", "--hole", "same/p1.jpg", *NEAREST, code=2
    )
    mask("same/p1_mask.png")
    mask("same/masks/p2.png")
    photo("same/p2.jpg")
    run(capsys, "inpaint", "same", "--hole", "same", *NEAREST)
    assert results() == ["p1.png", "p2.png"]


def test_accents_are_the_same_however_a_system_writes_them(work):
    touch(f"p/{unicodedata.normalize('NFD', 'Föto')}.jpg", f"m/{unicodedata.normalize('NFC', 'Föto')}.png")
    (path,) = matching.find_images("p")
    assert pairs([path], "m")[str(path)] == unicodedata.normalize("NFC", "Föto.png")


# The same names in two folders.


def test_folders_keep_their_structure(work, capsys):
    for name in ("album/1950/1.jpg", "album/1951/1.jpg", "album/2.png"):
        photo(name)
    run(capsys, "denoise", "album", "--system", "median", "--sigma", "20", "-o", "out")
    assert results() == ["1950/1.png", "1951/1.png", "2.png"]
    run(capsys, "denoise", "album/1950", "album/1951", "--system", "median", "--sigma", "20", "-o", "two")
    assert results("two") == ["1950/1.png", "1951/1.png"]
    run(capsys, "denoise", "album/*/1.jpg", "--system", "median", "--sigma", "20", "-o", "pattern")
    assert results("pattern") == ["1950/1.png", "1951/1.png"]


def test_twins_are_both_restored(work, capsys):
    for name in ("t/x.jpg", "t/x.png", "t/y.jpg", "t/Z.webp", "t/z.jpg"):
        photo(name)
    run(capsys, "denoise", "t", "--system", "median", "--sigma", "20", "-o", "out", "--samples", "2")
    kinds = ("1", "2", "contact", "invention", "mean")
    assert results() == sorted(
        f"{name}_{kind}.png" for name in ("x.jpg", "x", "y", "Z.webp", "z.jpg") for kind in kinds
    )


def test_results_inside_the_folder_of_photographs_are_no_photographs(work, capsys):
    photo("p/a.jpg")
    mask("p/masks/a.png")
    for _ in range(2):
        run(capsys, "inpaint", "p", "--hole", "p/masks", "--system", "nearest", "-o", "p/restored")
    assert results("p") == ["a.jpg", "masks/a.png", "restored/a.png"]


# What is left out is said.


def test_files_that_are_not_read_are_counted_and_named(work, capsys):
    photo("phone/1.jpg")
    touch(*(f"phone/{n}" for n in ("2.DNG", "3.dng", "4.psd", "sub/5.mov", "notes.txt", "6.jxl")))
    said = run(capsys, "denoise", "phone", "--system", "median", "--sigma", "20", "-o", "out")
    for part in ("2 raw photographs (2.DNG, 3.dng;", "1 Photoshop file (4.psd;", "1 video (5.mov;", "6.jxl"):
        assert part in said
    assert "notes" not in said
    os.unlink("phone/1.jpg")
    assert "2 raw photographs" in run(
        capsys, "denoise", "phone", "--system", "median", "--sigma", "20", "-o", "o", code=2
    )


def test_a_raw_photograph_is_refused_by_name(work, capsys):
    photo("a.dng", format="TIFF")  # as the preview that a reader of TIFFs finds in one
    said = run(capsys, "denoise", "a.dng", "--system", "median", "--sigma", "20", "-o", "out", code=2)
    assert "a.dng is a raw photograph, which is not read; develop them first" in said


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tif"])
def test_further_frames_and_pages_are_told(work, capsys, kind):
    frames = [Image.new("RGB", (20, 16), colour) for colour in ("red", "green", "blue")]
    frames[0].save(f"a.{kind}", save_all=True, append_images=frames[1:])
    said = run(capsys, "denoise", f"a.{kind}", "--system", "median", "--sigma", "20", "-o", "out")
    assert "holds 3 frames or pages; the first is restored" in said


# One file must not end a folder.


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(), TypeError("x"), KeyError("y"), AssertionError(), RecursionError(), OSError(28, "No space left"),
        RuntimeError("INTERNAL: Failed to allocate 7230000 bytes for new constant"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes"), RuntimeError("UNKNOWN: std::bad_alloc"),
    ],
    ids=repr,
)  # fmt: skip
def test_any_failure_of_one_file_leaves_the_others(work, capsys, monkeypatch, error):
    from dgan_jax import api

    for i in range(3):
        photo(f"p/{i}.png", i)
    mask("m.png")
    called = []

    def fails_once(self, image, **known):
        called.append(1)
        if len(called) == 2:
            raise error
        return restored(self, image, **known)

    restored = api.Restorer.__call__
    monkeypatch.setattr(api.Restorer, "__call__", fails_once)
    said = run(capsys, "inpaint", "p", "--hole", "m.png", *NEAREST, code=2)
    assert results() == ["0.png", "2.png"]
    assert re.search(r"dgan restore: p/1\.png: \S", said)
    assert "1 of 3 not restored" in said
    assert "--tile" not in said, "windows do not help a function of the whole picture"
    assert ("not enough memory" in said) == (
        isinstance(error, MemoryError | RuntimeError) and not isinstance(error, RecursionError)
    )


def test_memory_that_is_short_is_recognised_however_it_is_worded():
    for text in (
        "Out of memory allocating 7230000000 bytes.", "Failed to allocate request for 2.7GiB on device ordinal 0",
        "INTERNAL: Error preloading: CUDA_ERROR_OUT_OF_MEMORY: out of memory",
        "Unable to allocate 7.2 GiB for an array", "LLVM ERROR: out of memory", "std::bad_alloc",
        "Could not allocate memory for convolution workspace",
        "(-4:Insufficient memory) Failed to allocate 900000000 bytes in function 'OutOfMemoryError'",
    ):  # fmt: skip
        assert failures.out_of_memory(RuntimeError(text)), text
    assert not failures.out_of_memory(RuntimeError("INVALID_ARGUMENT: shapes differ"))
    later = RuntimeError("could not finish")
    later.__cause__ = MemoryError()
    assert failures.out_of_memory(later)


def test_a_hole_of_more_than_half_is_done_and_warned_of(work, capsys):
    photo("a.png")
    mask("m.png", (0, 0, 20, 12))
    said = run(capsys, "inpaint", "a.png", "--hole", "m.png", *NEAREST)
    assert "the hole is 75 % of the picture" in said
    assert "--polarity white-keep" in said
    shutil.rmtree("out")
    assert "warning" not in run(capsys, "inpaint", "a.png", "--hole", "m.png", "--polarity", "white-keep", *NEAREST)


def test_the_transparent_part_of_a_photograph_is_restored_if_told(work, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 20, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[4:9, 4:8, 3] = 0
    Image.fromarray(pixels).save("erased.png")
    run(capsys, "inpaint", "erased.png", "--hole", "alpha", *NEAREST)
    restored = np.asarray(Image.open("out/erased.png").convert("RGB"))
    known = pixels[..., 3] > 0
    np.testing.assert_array_equal(restored[known], pixels[known][:, :3])
    assert (restored[~known] != 255).any()
    photo("opaque.png")
    assert "opaque all over" in run(capsys, "inpaint", "opaque.png", "--hole", "alpha", *NEAREST, code=2)


# Grey in, grey out.


class Colourful:
    """A restorer of three channels that gives everything a colour."""

    channels, name, choosable, unsaid = 3, "colourful", (), ""
    task = type("Task", (), {"ranges": {}})

    def __call__(self, image, **known):
        assert image.shape[2] == 3
        top = np.iinfo(image.dtype).max
        tint = np.array([20, 0, -5]) * (top // 255)
        result = np.clip(image + tint, 0, top).astype(image.dtype)
        photograph = lambda n: result
        return type("P", (), {"y": {}, "__call__": lambda self, n, observe: photograph(n)})()


@pytest.mark.parametrize("mode", ["L", "1", "I;16", "grey RGB", "LA", "RGB"])
def test_a_grey_photograph_gets_no_colour(work, capsys, monkeypatch, mode):
    grey = np.random.default_rng(0).integers(40, 200, (16, 20), np.uint8)
    image = Image.fromarray(grey.astype(np.uint16) * 257 if mode == "I;16" else grey)
    if mode == "RGB":
        image = Image.fromarray(np.stack([grey, grey // 2, grey], axis=-1))
    elif mode not in ("L", "I;16"):
        image = image.convert("RGB" if mode == "grey RGB" else mode)
    image.save("a.png")
    monkeypatch.setattr("dgan_jax.api.restoring", lambda *_, **__: Colourful())
    run(capsys, "denoise", "a.png", "-o", "out")
    restored = Image.open("out/a.png")
    values = read_image("out/a.png").astype(int)
    assert (values.max() > values.min()).all()
    assert ((values.max(-1) - values.min(-1)).max() == 0) == (mode != "RGB")
    assert (restored.mode in ("RGB", "RGBA")) == (mode in ("RGB", "grey RGB"))
    if mode == "L":
        np.testing.assert_array_equal(np.asarray(restored), grey + 5)  # the mean of the three


# Strips and single pixels.


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (1, 30), (30, 1), (2, 2)])
@pytest.mark.parametrize("system", ["telea", "exemplar", "nearest"])
def test_pictures_of_any_shape_are_restored(work, capsys, shape, system):
    height, width = shape
    photo("a.png", size=(width, height))
    mask("m.png", (width // 2, height // 2, width // 2 + 1, height // 2 + 1), (width, height))
    run(capsys, "inpaint", "a.png", "--hole", "m.png", "--system", system, "-o", "out")
    assert Image.open("out/a.png").size == (width, height)


def test_the_noise_of_a_strip_is_that_of_its_neighbours():
    noise = 25 * np.random.default_rng(0).normal(size=(1, 4000, 1)).astype(np.float32)
    for strip in (noise, noise.transpose(1, 0, 2)):
        assert abs(float(noise_level(strip)) - 25) < 2
    assert float(noise_level(noise[:, :1])) == 0


def test_data_and_evaluations_say_what_they_leave_out(work, capsys, monkeypatch):
    monkeypatch.setattr("dgan_jax.data.left_out.heic_is_read", lambda: False)
    monkeypatch.setattr("dgan_jax.data.images.EXTENSIONS", images.EXTENSIONS - left_out.HEIC)
    for i in range(3):
        photo(f"phone/{i}.png", i, (16, 16))
    touch("phone/a.HEIC", "phone/b.psd", "phone/sub/c.dng")
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green")]
    frames[0].save("phone/d.gif", save_all=True, append_images=frames[1:])
    for command in (
        ("data", "show", "phone"),
        ("evaluate", "nearest", "--data", "phone", "--size", "16", "--task", "inpaint", "--hole", "box"),
    ):
        with pytest.warns(UserWarning, match="left out") as caught:
            assert main(list(command)) == 0
        said = " ".join(str(warning.message) for warning in caught)
        for part in ("1 HEIC photograph (a.HEIC;", "1 Photoshop file (b.psd;", "1 raw photograph (c.dng;"):
            assert part in said
        assert "1 file holds further frames or pages, which are left out (phone/d.gif)" in said
    touch("only/a.heic")
    assert main(["data", "show", "only"]) == 2
    assert "1 HEIC photograph" in capsys.readouterr().err


# Progress.


def test_a_pipe_sees_how_far_the_work_is(monkeypatch, capsys):
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr(screen.time, "monotonic", lambda: next(clock))
    with screen.counting("restoring", 4) as count:
        for windows in range(6):
            count.part(windows, 10)
        count(1)
        count(4)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("restoring: 0.1 of 4 done, ")
    assert lines[0].endswith(" s left")
    assert len(lines) == 3


def test_windows_of_a_large_photograph_are_told_one_by_one(tmp_path, monkeypatch):
    photo = np.random.default_rng(0).integers(0, 256, (40, 72, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    told = []
    monkeypatch.setattr(screen.Count, "part", lambda self, done, of: told.append((done, of)))
    arguments = ["restore", "denoise", str(tmp_path / "photo.png"), "--sigma", "25", "--realism", "0"]
    assert main([*arguments, "--tile", "32", "-o", str(tmp_path / "out")]) == 0
    assert len(told) > 1
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert {of for _, of in told} == {len(told)}
