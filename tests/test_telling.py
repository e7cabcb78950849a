"""What `dgan restore` tells besides its results, and holes that need no file."""

import json
import threading

import numpy as np
import pytest
from PIL import Image, ImageCms

from dgan_jax import api
from dgan_jax.cli.main import main
from dgan_jax.data import images, left_out
from dgan_jax.data.images import read_native
from dgan_jax.data.masks import inside
from dgan_jax.ops import progress
from dgan_jax.restore.account import seam


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(40, 216, (40, 48, 3), np.uint8)
    Image.fromarray(pixels).save("a.png")
    return tmp_path


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def restore(*arguments, code=0):
    assert main(["restore", *arguments]) == code


NEAREST = ("--system", "nearest")


def changed(path, original="a.png"):
    """[H, W] of bool: which pixels a result changed."""
    return (pixels(path) != pixels(original)).any(-1)


def test_a_box_is_a_hole(work, capsys):
    restore("inpaint", "a.png", "--hole", "box:5,6,10,8+30,0,99,3", *NEAREST, "-o", "o", "--overlay")
    hole = np.zeros((40, 48), bool)
    hole[6:14, 5:15] = hole[0:3, 30:] = True
    assert not (changed("o/a.png") & ~hole).any()
    assert (changed("o/a.png") & hole).mean() > 0.9 * hole.mean()
    np.testing.assert_array_equal(changed("o/a_hole.png"), hole)
    for wrong, said in (
        ("box:1,2,3", "four whole numbers"),
        ("box:48,0,4,4", "shows nothing"),
        ("box:0,0,0,4", "shows"),
    ):
        restore("inpaint", "a.png", "--hole", wrong, *NEAREST, "-o", "p", code=2)
        assert said in capsys.readouterr().err


def test_a_colour_is_a_hole(work, capsys):
    image = pixels("a.png").astype(np.uint8)
    image[10:14, 20:30] = (255, 0, 254)
    image[14, 20:30] = (250, 4, 250)
    Image.fromarray(image).save("b.png")
    hole = np.zeros((40, 48), bool)
    hole[10:14, 20:30] = True
    restore("inpaint", "b.png", "--hole", "colour:#ff00fe", *NEAREST, "-o", "o")
    np.testing.assert_array_equal(changed("o/b.png", "b.png"), hole)
    hole[14, 20:30] = True
    restore("inpaint", "b.png", "--hole", "color:ff00ff~6", *NEAREST, "-o", "p")
    np.testing.assert_array_equal(changed("p/b.png", "b.png"), hole)
    for wrong, said in (("colour:#00ffff", "the nearest is #"), ("colour:red", "with a number up to 255")):
        restore("inpaint", "a.png", "--hole", wrong, *NEAREST, "-o", "q", code=2)
        assert said in capsys.readouterr().err


def test_feather_changes_the_photograph_by_and_by_and_nothing_beyond(work):
    Image.new("RGB", (48, 40), (100, 100, 100)).save("flat.png")
    image = pixels("flat.png").astype(np.uint8)
    image[:, :24] = 200
    Image.fromarray(image).save("flat.png")
    restore("inpaint", "flat.png", "--hole", "box:20,10,12,12", *NEAREST, "-o", "o", "--feather", "3")
    hole = np.zeros((40, 48), np.float32)
    hole[10:22, 20:32] = 1
    distance = np.maximum(
        np.maximum(20 - np.arange(48), np.arange(48) - 31)[None],
        np.maximum(10 - np.arange(40), np.arange(40) - 21)[:, None],
    )
    assert not changed("o/flat.png", "flat.png")[distance > 3].any()
    wide = (distance <= 3).astype(np.float32)
    share = inside(wide, 3)
    assert (share[hole > 0] == 1).all()
    np.testing.assert_allclose(share[16, 17:20], [0.25, 0.5, 0.75], atol=1e-6)


def test_of_several_versions_the_mean_the_invention_and_a_contact_sheet_are_written(work, capsys):
    command = ("inpaint", "a.png", "--hole", "box:10,10,16,12", "--system", "completion", "-o", "o")
    restore(*command, "--samples", "3")
    versions = np.stack([pixels(f"o/a_{n}.png") for n in (1, 2, 3)])
    assert np.abs(pixels("o/a_mean.png") - versions.mean(0)).max() <= 0.5
    spread = versions.std(0, ddof=1).mean(-1)
    shown = pixels("o/a_invention.png")
    assert spread.max() > 5
    np.testing.assert_allclose(shown, spread * 255 / spread.max(), atol=0.51)
    assert (shown[~np.pad(np.ones((12, 16), bool), ((10, 18), (10, 22)))] == 0).all()
    sheet = Image.open("o/a_contact.png")
    assert sheet.width > 4 * 48
    capsys.readouterr()
    restore(*command, "--samples", "3")
    assert "done before" in capsys.readouterr().out
    # Other versions make another mean: it is not left as it is.
    restore(*command, "--samples", "4", code=2)
    assert "another command" in capsys.readouterr().err


def test_the_report_tells_seconds_coverage_seam_and_what_failed(work, capsys):
    (work / "in").mkdir()
    (work / "a.png").rename(work / "in" / "a.png")
    Image.open("in/a.png").save("in/b.jpg", quality=80)
    (work / "in" / "c.png").write_bytes(b"broken")
    command = ("inpaint", "in", "--hole", "box:10,10,16,12", *NEAREST, "-o", "o", "--report", "r.json")
    restore(*command, code=2)
    report = json.loads((work / "r.json").read_text())
    one, lossy, broken = report["photographs"]
    assert one["hole"] == {"pixels": 192, "share": 192 / 1920}
    assert one["outside"] == "bit for bit, read again"
    assert lossy["outside"] == "changed by the format"
    assert any("losses" in note for note in lossy["notes"])
    assert {"read", "open", "prepare", "restore", "write"} <= one["seconds"].keys()
    assert len(one["seam"]) == 1
    assert "not an image" in broken["failed"]
    assert report["peak_bytes"] > 1e7
    restore(*command, code=2)
    assert "skipped" in json.loads((work / "r.json").read_text())["photographs"][0]
    (work / "r.json").write_text('{"mine": 1}')
    restore(*command, code=2)
    assert "is not replaced" in capsys.readouterr().err
    assert (work / "r.json").read_text() == '{"mine": 1}'


def test_a_seam_that_shows_is_told_from_one_that_does_not():
    image, hole = np.random.default_rng(0).integers(90, 110, (40, 48, 3), np.uint8), np.zeros((40, 48, 1))
    hole[12:20, 10:30] = 1
    assert abs(seam(image, hole)) < 1
    image[12:20, 10:30] += 51
    assert 17 < seam(image, hole) < 21
    assert seam(image.astype(np.uint16) * 257, hole) == pytest.approx(seam(image, hole), abs=1e-3)
    assert seam(image, np.zeros_like(hole)) is None


def test_another_scale_comes_of_the_nearest_and_is_said(work, capsys):
    restore("superres", "a.png", "--system", "upscale_nearest", "--scale", "3", "-o", "o")
    np.testing.assert_array_equal(pixels("o/a.png"), pixels("a.png").repeat(3, 0).repeat(3, 1))
    assert "resized" not in capsys.readouterr().err
    restore("superres", "a.png", "--system", "upscale_nearest", "--scale", "2.5", "-o", "p")
    assert Image.open("p/a.png").size == (120, 100)
    assert "resized to 2.5 times" in capsys.readouterr().err
    restore("denoise", "a.png", "--system", "median", "--scale", "2", code=2)
    assert "--scale is for superres" in capsys.readouterr().err


def smooth16(height=40, width=48):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([20000 + 41 * columns + 7 * rows, 30000 + 11 * rows, 25000 + 3 * columns], -1).astype(np.uint16)


def test_16_bits_are_computed_from_floats(work):
    import imagecodecs

    image = smooth16()
    (work / "deep.png").write_bytes(bytes(imagecodecs.png_encode(image)))
    restore("inpaint", "deep.png", "--hole", "box:20,10,8,8", "--system", "harmonic", "-o", "o")
    found = read_native("o/deep.png").pixels
    hole = np.zeros(image.shape[:2], bool)
    hole[10:18, 20:28] = True
    np.testing.assert_array_equal(found[~hole], image[~hole])
    assert np.abs(found.astype(int) - image)[hole].max() < 40
    # Of 8 bits spread over 16 all would be multiples of 257.
    assert (found[hole] % 257 != 0).mean() > 0.9


@pytest.mark.parametrize("tile", [None, 64])
def test_windows_keep_16_bits_too(tile):
    image, hole = smooth16(100, 140), np.zeros((100, 140, 1), np.float32)
    hole[40:48, 60:90] = 1
    restorer = api.restoring("inpaint", system="harmonic", tile=tile)
    found = restorer(image, hole=hole)(0)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[hole[..., 0] == 0], image[hole[..., 0] == 0])
    assert np.abs(found.astype(int) - image).max() < 60
    assert (found[hole[..., 0] > 0] % 257 != 0).mean() > 0.9


@pytest.mark.parametrize("system", ["exemplar", "biharmonic", "bm3d"])
def test_functions_on_the_host_tell_how_far_they_are(system):
    task = "denoise" if system == "bm3d" else "inpaint"
    wide = 160 if system == "bm3d" else 640
    image = np.random.default_rng(0).integers(0, 256, (40, wide, 3), np.uint8)
    hole = np.zeros((40, wide, 1), np.float32)
    hole[4:12, 5:20] = hole[10:16, -160:-150] = hole[20:26, -20:-3] = 1
    known = {"sigma": 25.0} if system == "bm3d" else {"hole": hole}
    told = []
    api.restoring(task, system=system)(image, **known)(0, lambda done, of: told.append(done / of))
    assert len(told) > 2
    assert told == sorted(told)
    assert told[-1] == 1


def test_versions_that_are_all_the_same_are_said_to_be(work, capsys):
    restore("inpaint", "a.png", "--hole", "box:1,1,4,4", *NEAREST, "-o", "o", "--samples", "2")
    assert "knows one answer only" in capsys.readouterr().err
    assert not pixels("o/a_invention.png").any()


def test_parts_of_parts_and_threads_are_told():
    told = []
    with progress.heard(lambda done, of: told.append((done, of))):
        for i in range(2):
            with progress.part(i, 2):
                progress.tell(1, 4)
                with progress.part(1, 2):
                    progress.tell(1, 2)
        step = progress.steps(2)
        threads = [threading.Thread(target=step) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    progress.tell(1, 1)
    assert [done / of for done, of in told] == [0.125, 0.375, 0.625, 0.875, 0.5, 1]


# HEIC, which an extra reads.


def test_heic_is_read_and_written_as_it_was(work):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    about = Image.Exif()
    about[0x010F], about[0x0112] = "camera", 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    rows, columns = np.mgrid[:40, :48]
    plain = np.stack([4 * columns, 5 * rows, 128 + 0 * rows], -1).astype(np.uint8)
    Image.fromarray(plain).save("p.heic", "HEIF", quality=95, exif=about.tobytes(), icc_profile=profile)
    upright = read_native("p.heic").pixels
    restore("inpaint", "p.heic", "--hole", "box:10,10,8,8", *NEAREST, "-o", "o")
    with Image.open("o/p.heic", formats=("HEIF",)) as found:
        assert found.getexif()[0x010F] == "camera"
        assert found.info["icc_profile"] == profile
    after = read_native("o/p.heic").pixels
    assert after.shape == upright.shape
    hole = np.zeros(upright.shape[:2], bool)
    hole[10:18, 10:18] = True
    assert np.abs(after.astype(int) - upright)[~hole].mean() < 3
    restore("inpaint", "p.heic", "--hole", "box:10,10,8,8", *NEAREST, "-o", "q", "--format", "png")
    np.testing.assert_array_equal(read_native("q/p.png").pixels[~hole], upright[~hole])


def test_without_the_extra_the_sentence_says_how_to_install_it(work, capsys, monkeypatch):
    monkeypatch.setattr(left_out, "heic_is_read", lambda: False)
    monkeypatch.setattr(images, "EXTENSIONS", images.EXTENSIONS - left_out.HEIC)
    (work / "h").mkdir()
    (work / "h" / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    for named in ("h", "h/a.heic"):
        restore("inpaint", named, "--hole", "box:0,0,4,4", *NEAREST, "-o", "o", code=2)
        assert 'pip install "dgan_jax[heic]"' in capsys.readouterr().err
