import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from dgan_jax.data import images

MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr", "LAB"]


@pytest.fixture
def photo():
    """[24, 36, 3] with smooth colours, so that every mode can hold it nearly."""
    y, x = np.mgrid[0:24, 0:36] / 36.0
    return np.round(255 * np.stack([y, x, 1 - x], axis=-1)).astype(np.uint8)


def in_mode(photo: np.ndarray, mode: str) -> Image.Image:
    picture = Image.fromarray(photo)
    grey = np.asarray(picture.convert("L"))
    if mode == "I;16":
        return Image.fromarray(grey.astype(np.uint16) * 257)
    if mode == "I":
        return Image.fromarray(grey.astype(np.int32) * 257)
    if mode == "F":
        return Image.fromarray(grey.astype(np.float32) / 255)
    if mode == "PA":
        return picture.convert("P").convert("PA")
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB")
    return picture.convert("L").convert(mode) if mode in ("1", "LA") else picture.convert(mode)


@pytest.mark.parametrize("mode", MODES)
def test_every_pillow_mode_is_read_as_rgb_and_as_grey(tmp_path, photo, mode):
    path = tmp_path / ("a.png" if mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else "a.tif")
    in_mode(photo, mode).save(path)
    colour, grey = images.read_image(path), images.read_image(path, channels=1)
    assert (colour.shape, grey.shape) == ((24, 36, 3), (24, 36, 1))
    assert colour.dtype == grey.dtype == np.uint8
    if mode != "1":  # dithered
        luma = np.asarray(Image.fromarray(photo).convert("L"), np.float32)
        assert np.abs(grey[..., 0] - luma).mean() < 12  # a palette is coarse
    if mode in ("RGB", "RGBA", "CMYK", "YCbCr", "LAB"):
        assert np.abs(colour.astype(float) - photo).mean() < 4
    assert images.image_size(path) == (24, 36)


def test_sixteen_bits_keep_their_full_range(tmp_path):
    Image.fromarray(np.array([[0, 32896, 65535]], np.uint16)).save(tmp_path / "a.png")
    assert images.read_image(tmp_path / "a.png", channels=1).ravel().tolist() == [0, 128, 255]


def test_transparent_pixels_become_white(tmp_path):
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    read = images.read_image(tmp_path / "a.png")
    assert read[0, 0].tolist() == [10, 20, 30]
    assert read[0, 1].tolist() == [255, 255, 255]
    assert read[0, 2].tolist() == [127, 127, 127]


def test_a_transparent_palette_colour_becomes_white(tmp_path, photo):
    picture = Image.fromarray(photo).convert("P")
    picture.save(tmp_path / "a.png", transparency=picture.getpixel((5, 5)))
    assert images.read_image(tmp_path / "a.png")[5, 5].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "webp"])
def test_exif_orientation_is_applied(tmp_path, photo, kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(photo).save(tmp_path / f"a.{kind}", exif=exif, **({"lossless": True} if kind == "webp" else {}))
    read = images.read_image(tmp_path / f"a.{kind}")
    assert np.abs(read.astype(float) - np.rot90(photo, -1)).mean() < 4
    assert images.image_size(tmp_path / f"a.{kind}") == (36, 24)


def test_the_first_frame_of_an_animation_is_read(tmp_path):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert images.read_image(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]


def swapped_profile() -> bytes:
    """An RGB profile with red and blue exchanged: sRGB's, with two entries of its tag table and the name changed."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swap = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}
    tags = [profile[i : i + 12] for i in range(132, 132 + 12 * int.from_bytes(profile[128:132]), 12)]
    table = b"".join(swap.get(tag[:4], tag[:4]) + tag[4:] for tag in tags)
    changed = profile[:132] + table + profile[132 + len(table) :]
    return changed.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_embedded_profile_is_converted_to_srgb(tmp_path, photo, mode):
    Image.fromarray(photo).convert(mode).save(tmp_path / "a.png", icc_profile=swapped_profile())
    read = images.read_image(tmp_path / "a.png").astype(float)
    assert np.abs(read - photo[..., ::-1]).mean() < 4
    assert np.abs(read - photo).mean() > 30


def test_a_profile_that_is_srgb_or_nonsense_changes_nothing(tmp_path, photo):
    for profile in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"nonsense"):
        Image.fromarray(photo).save(tmp_path / "a.png", icc_profile=profile)
        np.testing.assert_array_equal(images.read_image(tmp_path / "a.png"), photo)


def test_many_pixels_are_refused_unless_asked_for(tmp_path):
    Image.new("1", (4000, 3000)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"4000x3000 pixels, more than the limit of 10 megapixels"):
        images.read_image(tmp_path / "a.png", megapixels=10)
    limit = Image.MAX_IMAGE_PIXELS
    assert images.read_image(tmp_path / "a.png", channels=1, megapixels=12).shape == (3000, 4000, 1)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_what_is_not_an_image_is_named_in_one_sentence(tmp_path, photo):
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.png").touch()
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(whole, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    expected = {
        "text.png": "not an image of a known format",
        "empty.png": r"is empty \(0 bytes\)",
        "cut.jpg": "damaged or cut off",
        "absent.png": "does not exist",
        ".": "is a folder",
    }
    for name, message in expected.items():
        with pytest.raises(ValueError, match=message) as caught:
            images.read_image(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_what_is_written_is_read_back(tmp_path, photo):
    for name in ("a.png", "b.webp", "c.jpg", "new/folder/d.tif"):
        images.write_image(tmp_path / name, photo)
        assert np.abs(images.read_image(tmp_path / name).astype(float) - photo).mean() < 5
    images.write_image(tmp_path / "grey.png", photo[..., :1])
    np.testing.assert_array_equal(images.read_image(tmp_path / "grey.png", channels=1), photo[..., :1])
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")]


def test_writing_explains_what_it_cannot_do(tmp_path, photo):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="choose another folder"):
        images.write_image(tmp_path / "file" / "a.png", photo)
    with pytest.raises(ValueError, match=r"unknown image extension '\.xyz'"):
        images.write_image(tmp_path / "a.xyz", photo)
    with pytest.raises(ValueError, match="must be uint8"):
        images.write_image(tmp_path / "a.png", photo.astype(np.float32))


def test_images_are_found_at_any_depth_in_order(tmp_path):
    for name in ("b/2.JPG", "b/1.png", "a.webp", ".hidden.png", ".cache/x.png", "__MACOSX/y.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in images.find_images(tmp_path)]
    assert found == ["a.webp", "b/1.png", "b/2.JPG"]


def test_the_shorter_side_is_brought_to_length(photo):
    assert images.resize_short(photo, 12).shape == (12, 18, 3)
    assert images.resize_short(photo[..., :1], 48).shape == (48, 72, 1)
    assert images.resize_short(np.full((5, 7, 3), 9, np.uint8), 11).tolist() == np.full((11, 15, 3), 9).tolist()
