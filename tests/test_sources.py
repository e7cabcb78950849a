import io
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from dgan_jax.cli.main import main
from dgan_jax.data import folder
from dgan_jax.data.prepare import prepare
from dgan_jax.data.sources import open_source
from dgan_jax.data.store import held_out


def noise(seed: int, height: int = 20, width: int = 30, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def encode(image: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def photos(tmp_path):
    """Twelve images of two classes and two sizes."""
    root = tmp_path / "photos"
    for i in range(12):
        path = root / ("cats" if i % 2 else "dogs/old") / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(noise(i, 20 + 4 * (i % 3))))
    return root


def every(source):
    images, labels = source.gather(np.arange(len(source)))
    return list(images), labels


def assert_same(one, other):
    assert len(one) == len(other)
    for a, b in zip(every(one)[0], every(other)[0], strict=True):
        np.testing.assert_array_equal(a, b)
    if one.classes:
        np.testing.assert_array_equal(every(one)[1], every(other)[1])


def test_bundled_photographs_are_there_and_split_by_photograph():
    train, validation = open_source("bundled"), open_source("bundled", "validation")
    assert (len(train), len(validation), train.classes) == (8, 3, 0)
    names = lambda source: {source.name(i) for i in range(len(source))}
    assert not names(train) & names(validation)
    assert all(image.dtype == np.uint8 and image.shape[2] == 3 for image in every(train)[0])
    assert set(folder.BUNDLED["validation"]) == {"camera.png", "chelsea.png", "coins.png"}


def test_a_folder_is_read_in_the_order_of_its_paths(photos):
    source = open_source(photos)
    assert (len(source), source.classes, source.in_memory, source.skipped) == (12, 0, True, 0)
    images, labels = source.gather(np.array([6, 0]))  # dogs/old/00.png, cats/01.png
    assert labels is None
    np.testing.assert_array_equal(images[0], noise(0, 20))
    np.testing.assert_array_equal(images[1], noise(1, 24))
    assert source.name(0).endswith("01.png")
    assert source.sizes[1].tolist() == [20, 30]


def test_sub_folders_are_classes_when_asked_for(photos):
    source = open_source(photos, labels=True)
    assert source.classes == 2
    assert source.gather(np.array([0, 5, 6, 11]))[1].tolist() == [0, 0, 1, 1]
    (photos / "loose.png").write_bytes(encode(noise(99)))
    with pytest.raises(ValueError, match=r"loose.png lies in no class folder"):
        open_source(photos, labels=True)


def test_on_demand_and_in_memory_hold_the_same(photos):
    lazy = open_source(photos, labels=True, memory=0, workers=2)
    assert not lazy.in_memory
    assert_same(lazy, open_source(photos, labels=True))


def test_bad_files_are_left_out_with_one_warning(photos):
    (photos / "a.png").write_text("text")
    whole = encode(noise(50, 64, 64), "JPEG")
    (photos / "b.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.warns(UserWarning, match="skipped") as caught:
        source = open_source(photos)
    assert (len(source), source.skipped) == (12, 2)
    told = " ".join(str(warning.message) for warning in caught)
    assert told.count("a.png") == 1
    assert told.count("b.jpg") == 1


def test_a_damaged_file_found_late_gives_its_place_to_the_next(photos):
    whole = encode(noise(50, 64, 64), "JPEG")
    (photos / "b.jpg").write_bytes(whole[: len(whole) // 2])  # the header is fine
    source = open_source(photos, memory=0)
    assert len(source) == 13
    with pytest.warns(UserWarning, match=r"b\.jpg is damaged"):
        first, _ = source.gather(np.array([0]))
    np.testing.assert_array_equal(first[0], noise(1, 24))
    np.testing.assert_array_equal(source.gather(np.array([0]))[0][0], noise(1, 24))
    assert source.skipped == 1


def test_beyond_a_number_of_files_none_is_opened_beforehand(photos, monkeypatch):
    monkeypatch.setattr(folder, "CHECKED", 5)
    (photos / "a.png").write_text("text")
    source = open_source(photos)
    assert (len(source), source.sizes) == (13, None)
    with pytest.warns(UserWarning, match=r"a\.png is not an image"):
        np.testing.assert_array_equal(source.gather(np.array([0]))[0][0], noise(1, 24))


def test_a_share_is_held_out_by_name(photos):
    train, validation = (open_source(photos, split, validation=0.3) for split in ("train", "validation"))
    names = lambda source: {source.name(i) for i in range(len(source))}
    assert not names(train) & names(validation)
    assert len(train) + len(validation) == 12
    assert_same(open_source(photos, "test", validation=0.3), validation)
    assert len(open_source(photos, "test")) == 12
    with pytest.raises(ValueError, match="set a validation share"):
        open_source(photos, "validation")


def test_adding_images_moves_none_between_the_splits():
    few, many = [f"{i}.png" for i in range(500)], [f"{i}.png" for i in range(1000)]
    np.testing.assert_array_equal(held_out(few, 0.1), held_out(many, 0.1)[:500])
    assert 70 < held_out(many, 0.1).sum() < 130
    assert held_out(["a.png", "b.png"], 0.001).sum() == 1


def test_channels_and_size_are_as_asked_for(photos):
    source = open_source(photos, channels=1, resize=16)
    assert source.channels == 1
    assert {image.shape for image in every(source)[0]} == {(16, 24, 1), (16, 20, 1), (16, 17, 1)}
    assert source.sizes.min() == 16


def test_a_tar_is_read_as_the_folder_it_was_made_of(photos, tmp_path):
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        for path in sorted(photos.rglob("*.png"), reverse=True):
            tar.add(path, path.relative_to(photos).as_posix())
    for memory in (0, 2**30):
        assert_same(open_source(tmp_path / "photos.tar", labels=True, memory=memory), open_source(photos, labels=True))
    (tmp_path / "no.tar").write_text("no")
    with pytest.raises(ValueError, match="not an uncompressed tar"):
        open_source(tmp_path / "no.tar")


@pytest.mark.parametrize("key", ["image", "images", "x", "anything"])
def test_arrays_are_found_whatever_they_are_called(tmp_path, key):
    pixels = np.stack([noise(i, 8, 8) for i in range(5)])
    np.savez(tmp_path / "a.npz", **{key: pixels}, y=np.arange(5))
    source = open_source(tmp_path / "a.npz")
    assert (source.classes, source.channels) == (5, 3)
    np.testing.assert_array_equal(np.stack(every(source)[0]), pixels)
    assert every(source)[1].tolist() == list(range(5))
    assert source.name(3).endswith("a.npz[3]")


def test_channels_first_and_grey_arrays_are_recognised(tmp_path):
    pixels = np.stack([noise(i, 8, 9) for i in range(5)])
    np.save(tmp_path / "first.npy", pixels.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(np.stack(every(open_source(tmp_path / "first.npy"))[0]), pixels)
    np.savez(tmp_path / "grey.npz", image=pixels[..., 0])
    np.testing.assert_array_equal(np.stack(every(open_source(tmp_path / "grey.npz"))[0]), pixels[..., :1])
    assert open_source(tmp_path / "grey.npz", channels=3).channels == 3
    lazy = open_source(tmp_path / "first.npy", memory=10)
    np.testing.assert_array_equal(lazy.gather(np.array([2]))[0][0], pixels[2])


def test_packed_encoded_images_are_decoded(tmp_path):
    files = [encode(noise(i, 8, 8)) for i in range(6)]
    offset = np.concatenate([[0], np.cumsum([len(file) for file in files])])
    packed = np.frombuffer(b"".join(files), np.uint8)
    np.savez(tmp_path / "p.npz", jpeg=packed, offset=offset, label=np.arange(6) % 3, class_names=list("abcd"))
    source = open_source(tmp_path / "p.npz")
    assert source.classes == 4
    np.testing.assert_array_equal(source.gather(np.array([4]))[0][0], noise(4, 8, 8))
    assert source.gather(np.array([4]))[1].tolist() == [1]
    train, validation = (open_source(tmp_path / "p.npz", split, validation=0.5) for split in ("train", "validation"))
    assert len(train) + len(validation) == 6


def test_pickles_are_never_loaded_and_odd_arrays_explained(tmp_path):
    np.savez(tmp_path / "pickle.npz", image=np.array([{}], object))
    with pytest.raises(ValueError, match="Python objects, which are never loaded"):
        open_source(tmp_path / "pickle.npz")
    np.savez(tmp_path / "float.npz", image=np.zeros((2, 8, 8, 3), np.float32))
    with pytest.raises(ValueError, match="must be uint8"):
        open_source(tmp_path / "float.npz")
    np.savez(tmp_path / "labels.npz", image=np.zeros((2, 8, 8, 3), np.uint8), label=np.arange(3))
    with pytest.raises(ValueError, match="`label` must be 2 integers"):
        open_source(tmp_path / "labels.npz")
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(ValueError, match="cannot be read as a numpy file"):
        open_source(tmp_path / "text.npz")


def test_unknown_names_get_a_hint(tmp_path):
    (tmp_path / "photos").mkdir()
    expected = {
        "bundeld": "did you mean 'bundled'",
        "cifar10": "a TFDS dataset is written tfds:cifar10",
        str(tmp_path / "photoz"): "did you mean '.*photos'",
        str(tmp_path / "photos"): "no images in folder",
        "/no/such/folder": "there is no folder /no/such",
        "tfds:Not a name": "in lower case",
    }
    for name, message in expected.items():
        with pytest.raises(ValueError, match=message):
            open_source(name, data_dir=tmp_path)
    with pytest.raises(ValueError, match="did you mean 'train'"):
        open_source("bundled", "trian")


def test_a_prepared_folder_reads_back_the_same(photos, tmp_path):
    (photos / "dogs" / "zz.png").write_bytes(encode(noise(80)[..., [0, 1, 2, 2]]))  # RGBA
    made = prepare(photos, "my_photos", tmp_path / "data", validation=0.3, labels=True)
    assert (made.train + made.validation, made.skipped, made.classes) == (13, 0, ("cats", "dogs"))
    for split in ("train", "validation"):
        for memory in (0, 2**30):
            there = open_source("tfds:my_photos", split, data_dir=tmp_path / "data", memory=memory)
            assert there.classes == 2
            assert_same(there, open_source(photos, split, validation=0.3, labels=True))
    assert prepare(photos, "my_photos", tmp_path / "data", validation=0.3, labels=True).reused


def test_preparing_from_other_files_is_refused_until_overwritten(photos, tmp_path):
    prepare(photos, "mine", tmp_path / "data")
    (photos / "copy.png").write_bytes((photos / "cats" / "01.png").read_bytes())
    (photos / "bad.png").write_text("text")
    (photos / "new.png").write_bytes(encode(noise(70)))
    with (
        pytest.warns(UserWarning, match=r"bad\.png"),
        pytest.raises(ValueError, match="was prepared from other files or options"),
    ):
        prepare(photos, "mine", tmp_path / "data")
    assert len(open_source("tfds:mine", data_dir=tmp_path / "data")) == 12
    with pytest.warns(UserWarning, match=r"bad\.png"):
        made = prepare(photos, "mine", tmp_path / "data", overwrite=True)
    assert (made.train, made.skipped, made.duplicates) == (13, 1, 1)
    assert len(open_source("tfds:mine:1.0.0", data_dir=tmp_path / "data")) == 13


def test_preparing_tells_what_was_made_and_how_it_is_used(photos, tmp_path, capsys):
    (photos / "cats" / "copy.png").write_bytes((photos / "cats" / "01.png").read_bytes())
    (photos / "broken.png").write_bytes(b"no image")
    order = ["data", "prepare", str(photos), "--name", "mine", "--data-dir", str(tmp_path), "--validation", "0.3"]
    with pytest.warns(UserWarning, match="1 of 14 images skipped"):
        assert main(order) == 0
    told = capsys.readouterr().out
    aside = len(open_source("tfds:mine", "validation", data_dir=tmp_path))
    assert f"12 images, {aside} of them set aside" in told
    assert "1 image left out, the same bytes" in told
    assert "1 image left out, not to be read" in told
    assert f"--data.name tfds:mine --data.data_dir {tmp_path}" in told
    assert "Prepared(" not in told


def test_a_dataset_that_is_not_prepared_says_how_to_prepare_it(photos, tmp_path):
    with pytest.raises(ValueError, match=r"file_format='array_record'\)\.download_and_prepare\(\)") as caught:
        open_source("tfds:cifar10", data_dir=tmp_path)
    assert "dgan data prepare FOLDER --name cifar10" in str(caught.value)
    prepare(photos, "mine", tmp_path)
    with pytest.raises(ValueError, match="did you mean 'tfds:mine'"):
        open_source("tfds:mime", data_dir=tmp_path)
    with pytest.raises(ValueError, match=r"there is version 1\.0\.0"):
        open_source("tfds:mine:2.0.0", data_dir=tmp_path)
    with pytest.raises(ValueError, match="has no validation split, it has train; set a validation share"):
        open_source("tfds:mine", "validation", data_dir=tmp_path)
    carved = [open_source("tfds:mine", s, data_dir=tmp_path, validation=0.3) for s in ("train", "validation")]
    assert sum(map(len, carved)) == 12


def test_importing_the_data_modules_imports_no_tfds():
    code = "import sys, dgan_jax.data.sources, dgan_jax.data.prepare, dgan_jax.data.pipeline; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "tensorflow_datasets" not in loaded
    assert "tensorflow" not in loaded
