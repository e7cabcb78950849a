"""TIFFs and other deep files: what is stored is what is read."""

import io
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from dgan_jax.data import images

HEIGHT, WIDTH = 20, 28
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH] / WIDTH
RGB = np.stack([Y, X, 1 - X], axis=-1)
GREY = RGB.mean(-1)
ALPHA = np.tile(np.linspace(0.2, 1, WIDTH), (HEIGHT, 1))
DEPTHS = {"u1": 255, "u2": 65535, "i2": 32767, "f4": 1.0}
RGBA = np.dstack([RGB, ALPHA])
KINDS = {
    "grey": (GREY, dict(photometric="minisblack")),
    "negative": (1 - GREY, dict(photometric="miniswhite")),
    "rgb": (RGB, dict(photometric="rgb")),
    "planes": (np.moveaxis(RGB, -1, 0), dict(photometric="rgb", planarconfig="separate")),
    "alpha": (RGBA, dict(photometric="rgb", extrasamples=["unassalpha"])),
    "alpha in planes": (
        np.moveaxis(RGBA, -1, 0),
        dict(photometric="rgb", planarconfig="separate", extrasamples=["unassalpha"]),
    ),
    "premultiplied": (np.dstack([RGB * ALPHA[..., None], ALPHA]), dict(photometric="rgb", extrasamples=["assocalpha"])),
    "grey and alpha": (
        np.dstack([GREY, ALPHA]),
        dict(photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"]),
    ),
    "ink": (np.dstack([1 - RGB, 0 * GREY]), dict(photometric="separated", planarconfig="contig")),
}  # fmt: skip


def tiff(values, **options) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, metadata=None, **options)
    return stream.getvalue()


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_tiff_of_any_layout_is_read_as_it_is(kind, depth):
    values, options = KINDS[kind]
    top = DEPTHS[depth]
    stored = (values * top if depth == "f4" else np.round(values * top)).astype(depth)
    truth = GREY[..., None] if "grey" in kind or kind == "negative" else RGB
    for order in "<>":
        for more in ({}, {"compression": "lzw", "predictor": depth != "f4"}, {"compression": "zstd", "tile": (16, 16)}):
            found = images.decode_native(tiff(stored, byteorder=order, **options, **more), "a.tif")
            read = found.srgb().astype(float) / found.top
            close = 0.03 if kind == "premultiplied" and depth == "u1" else 0.005
            assert np.abs(read - truth).max() < close, (order, more)
            assert found.pixels.dtype == (np.uint8 if depth == "u1" else np.uint16)
            if "alpha" in kind or kind == "premultiplied":
                assert found.alpha is not None
                assert np.abs(found.alpha / found.top - ALPHA).max() < 0.005


def test_sixteen_bits_come_back_bit_for_bit():
    values = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 3), np.uint16)
    for data in (tiff(values, photometric="rgb"), imagecodecs.png_encode(values), ppm(values)):
        found = images.decode_native(data, "a")
        np.testing.assert_array_equal(found.pixels, values)
        np.testing.assert_array_equal(found.eight(), np.round(values / 257).astype(np.uint8))
    deep = imagecodecs.jpeg2k_encode(values, level=0, reversible=True)
    np.testing.assert_array_equal(images.decode_native(deep, "a.jp2").pixels, values)


def ppm(values: np.ndarray) -> bytes:
    height, width, channels = values.shape
    head = f"P{6 if channels == 3 else 5}\n# a comment\n{width} {height}\n65535\n".encode()
    return head + values.astype(">u2").tobytes()


def test_grey_and_alpha_of_sixteen_bits_are_read():
    values = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 2), np.uint16)
    found = images.decode_native(imagecodecs.png_encode(values), "a.png")
    np.testing.assert_array_equal(found.pixels, values[..., :1])
    np.testing.assert_array_equal(found.alpha, values[..., 1])
    grey = images.decode_native(ppm(values[..., :1]), "a.pgm")
    np.testing.assert_array_equal(grey.pixels, values[..., :1])


def test_twelve_bits_are_white_where_the_file_says_so():
    values = np.round(GREY * 4095).astype(np.uint16)
    told = tiff(values, photometric="minisblack", extratags=[(281, "H", 1, 4095, True)])
    found = images.decode_native(told, "a.tif")
    assert np.abs(found.pixels[..., 0] / 65535 - GREY).max() < 0.001
    packed = tiff(values, photometric="minisblack", bitspersample=12)
    found = images.decode_native(packed, "a.tif")
    assert np.abs(found.pixels[..., 0] / 65535 - GREY).max() < 0.001


def test_a_palette_and_bits_are_read():
    colours = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16)
    index = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH), np.uint8)
    found = images.decode_native(tiff(index, photometric="palette", colormap=colours * 257), "a.tif")
    np.testing.assert_array_equal(found.pixels, colours.T.astype(np.uint8)[index])
    for photometric, white in (("minisblack", True), ("miniswhite", False)):
        bits = tiff(GREY > 0.5, photometric=photometric)
        np.testing.assert_array_equal(images.decode_native(bits, "a.tif").pixels[..., 0] == 255, (GREY > 0.5) == white)


@pytest.mark.parametrize("number", range(1, 9))
def test_every_orientation_is_turned_upright_at_any_depth(number, tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 3), np.uint16)
    data = tiff(values, photometric="rgb", extratags=[(274, "H", 1, number, True)])
    found = images.decode_native(data, "a.tif")
    eight = np.round(values / 257).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = number
    Image.fromarray(eight).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(found.eight(), images.read_image(tmp_path / "a.png"))
    assert images.encoded_size(data, "a.tif") == found.pixels.shape[:2]


def test_the_page_that_is_no_preview_is_read():
    stream = io.BytesIO()
    large = np.round(RGB * 255).astype(np.uint8)
    with tifffile.TiffWriter(stream) as file:
        file.write(large[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
        file.write(large, photometric="rgb", metadata=None)
    np.testing.assert_array_equal(images.decode_native(stream.getvalue(), "a.tif").pixels, large)
    assert images.encoded_size(stream.getvalue(), "a.tif") == (HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("values", "options", "says"),
    [
        (np.zeros((8, 8, 3), np.uint16), dict(photometric="cielab"), "it is in Lab"),
        (np.zeros((8, 8), np.uint16), dict(photometric="cfa"), "raw values of a sensor"),
        (np.full((8, 8), -3, np.int16), dict(photometric="minisblack"), "values below 0"),
        (np.zeros((8, 8, 9), np.uint8), dict(photometric="minisblack", planarconfig="contig"), "9 channels"),
    ],
)  # fmt: skip
def test_what_is_not_read_right_is_refused(values, options, says):
    with pytest.raises(ValueError, match=rf"a\.tif is not read: .*{says}"):
        images.decode_native(tiff(values, **options), "a.tif")


def test_a_strip_that_unfolds_to_more_than_its_pixels_is_cut():
    data = bytearray(tiff(np.zeros((8, 8), np.uint8), compression="deflate", photometric="minisblack"))
    bomb = zlib.compress(bytes(2**26), 9)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        place = file.pages[0].tags["StripByteCounts"].valueoffset
        offsets = file.pages[0].tags["StripOffsets"].valueoffset
    data[place : place + 4] = len(bomb).to_bytes(4, "little")
    data[offsets : offsets + 4] = len(data).to_bytes(4, "little")
    try:
        assert images.decode_native(bytes(data) + bomb, "a.tif").pixels.shape == (8, 8, 1)
    except ValueError as error:
        assert "damaged" in str(error)  # noqa: PT017
