"""A photograph that is written again: the same file with other pixels in its hole."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from test_colour import SRGB, grey_profile
from test_tiffs import tiff

from dgan_jax.data import images, native, photo_files

HEIGHT, WIDTH = 24, 32
BOX = np.s_[6:14, 8:20]
HOLE = np.zeros((HEIGHT, WIDTH, 1), np.float32)
HOLE[BOX] = 1
LINEAR = native.gamma_profile(1.4)


def pixels(mode: str) -> np.ndarray:
    count, depth = {"L": (1, 8), "LA": (2, 8), "RGB": (3, 8), "RGBA": (4, 8), "CMYK": (4, 8)}.get(mode, (0, 16))
    count = count or {"L16": 1, "LA16": 2, "RGB16": 3, "RGBA16": 4}[mode]
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    smooth = np.stack([0.2 + 0.6 * y / HEIGHT, 0.2 + 0.6 * x / WIDTH, 0.5 + 0.01 * (x % 7), 0.5 + 0.4 * x / WIDTH], -1)
    values = np.ascontiguousarray(smooth[..., [0, 3] if count == 2 else list(range(count))])
    return np.round(values * (2**depth - 1)).astype(np.uint8 if depth == 8 else np.uint16)


def exif() -> bytes:
    made = Image.Exif()
    made[0x010F], made[0x0110], made[0x0132] = "Maker", "Model 1", "2001:02:03 04:05:06"
    made.get_ifd(0x8769)[0x9003] = "2001:02:03 04:05:06"
    made.get_ifd(0x8769)[0x829A] = IFDRational(1, 125)
    return made.tobytes()


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- by hand --></x:xmpmeta>'


def encoded(mode: str, kind: str, profile: bytes | None) -> bytes:
    values = pixels(mode)
    if kind == "TIFF":
        colours = {1: "minisblack", 2: "minisblack", 3: "rgb", 4: "separated" if mode == "CMYK" else "rgb"}
        extra = ["unassalpha"] if mode.rstrip("16") in ("LA", "RGBA") else None
        tags = [
            (270, 2, 9, "A picture", True),
            (306, 2, 20, "2001:02:03 04:05:06", True),
            (700, 1, len(XMP), XMP, True),
        ]
        return tiff(
            values.squeeze(), photometric=colours[values.shape[2]], extrasamples=extra, planarconfig="contig",
            iccprofile=profile, compression="lzw", predictor=True, resolution=(600, 600), resolutionunit=2,
            extratags=tags, byteorder=">", software=False,
        )  # fmt: skip
    about = {"exif": exif(), "dpi": (600, 600), **({"icc_profile": profile} if profile else {})}
    if "16" in mode and mode != "L16":
        plain = photo_files.Photo("a.png", native.Native(values), "PNG", 1, {**about, "xmp": XMP})
        return photo_files._deep(values, "PNG", {k: v for k, v in plain.about.items() if k != "xmp"})
    image = Image.fromarray(values.squeeze(), "CMYK" if mode == "CMYK" else None)
    stream = io.BytesIO()
    if kind in ("JPEG", "WEBP", "AVIF"):
        about["xmp"] = XMP
    image.save(stream, kind, **about, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    return stream.getvalue()


def restored(path, result=None, ending="", **options):
    """(the photograph, the bytes of its result, its notes); the filling is grey."""
    photo = photo_files.read_photo(path)
    if result is None:
        result = np.full((*photo.native.pixels.shape[:2], 3), 128, np.uint8)
    whole = photo_files.merged(photo, result, options.pop("hole", HOLE), **options)
    written = photo_files.encode(photo, whole, ending or path.suffix)
    return photo, written.data, written.notes


@pytest.mark.parametrize("profile", [None, "own"])
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("PNG", mode) for mode in ("L", "LA", "RGB", "RGBA", "L16", "LA16", "RGB16", "RGBA16")),
        *(("TIFF", mode) for mode in ("L", "LA", "RGB", "RGBA", "CMYK", "L16", "LA16", "RGB16", "RGBA16")),
        ("WEBP", "RGB"), ("WEBP", "RGBA"),
    ],
)  # fmt: skip
def test_a_lossless_file_comes_back_as_it_was_with_another_filling(tmp_path, kind, mode, profile):
    own = None if profile is None or mode == "CMYK" else grey_profile(1.4) if mode.startswith("L") else LINEAR
    path = tmp_path / f"a.{ {'TIFF': 'tif'}.get(kind, kind.lower()) }"
    path.write_bytes(encoded(mode, kind, own))
    _, data, notes = restored(path)
    assert notes == []
    (tmp_path / f"b{path.suffix}").write_bytes(data)
    before, after = (images.read_native(tmp_path / name) for name in (path.name, f"b{path.suffix}"))
    outside = HOLE[..., 0] == 0
    assert after.pixels.dtype == before.pixels.dtype == (np.uint16 if "16" in mode else np.uint8)
    np.testing.assert_array_equal(after.pixels[outside], before.pixels[outside])
    assert (after.alpha is None) == (before.alpha is None)
    if before.alpha is not None:
        np.testing.assert_array_equal(after.alpha, before.alpha)
    assert after.profile == before.profile == own
    assert np.abs(after.srgb()[BOX].astype(float) * 255 / after.top - 128).max() < 2
    if kind == "TIFF":
        tags = [tifffile.TiffFile(io.BytesIO(d)).pages[0].tags for d in (path.read_bytes(), data)]
        for code in (256, 257, 258, 259, 262, 270, 277, 282, 283, 296, 306, 317, 700):
            assert (code in tags[0]) == (code in tags[1])
            assert code not in tags[0] or tags[0][code].value == tags[1][code].value, code
        assert data[:2] == b"MM"
        return
    a, b = (Image.open(io.BytesIO(d)) for d in (path.read_bytes(), data))
    assert (a.mode, a.format) == (b.mode, b.format)
    assert dict(a.getexif()) == dict(b.getexif())
    assert dict(a.getexif().get_ifd(0x8769)) == dict(b.getexif().get_ifd(0x8769))
    assert a.info.get("dpi") == b.info.get("dpi")
    assert a.info.get("xmp") == b.info.get("xmp")


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_keeps_its_tables_and_what_describes_it(tmp_path, mode):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(mode, "JPEG", LINEAR if mode == "RGB" else None))
    _, data, notes = restored(path)
    assert "JPEG is written with losses" in " ".join(notes)
    a, b = Image.open(path), Image.open(io.BytesIO(data))
    assert a.mode == b.mode == mode
    assert a.quantization == b.quantization
    for key in ("icc_profile", "exif", "xmp", "dpi"):
        assert a.info.get(key) == b.info.get(key), key
    before, after = (np.asarray(i).astype(int) for i in (a, b))
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[:16, :24] = False  # the blocks that hold the hole
    assert np.abs(before - after)[outside].mean() < 1.5


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "webp"])
def test_the_orientation_stays_and_pixels_stay_where_they_are_stored(tmp_path, kind, number):
    stored = pixels("RGB")
    about = Image.Exif()
    about[0x0112] = number
    path = tmp_path / f"a.{kind}"
    options = {"lossless": True} if kind == "webp" else {"quality": 100} if kind == "jpg" else {}
    Image.fromarray(stored).save(path, exif=about, **options)
    upright = images.read_native(path).pixels
    hole = np.zeros((*upright.shape[:2], 1), np.float32)
    hole[3:7, 4:9] = 1
    _, data, _ = restored(path, hole=hole)
    result = Image.open(io.BytesIO(data))
    assert result.getexif()[0x0112] == number
    again = images.decode_native(data, "b").pixels
    close = 15 if kind == "jpg" else 0  # colours of half the size
    assert np.abs(again.astype(int) - upright)[hole[..., 0] == 0].mean() <= close
    assert np.abs(again[3:7, 4:9].astype(int) - 128).mean() <= close


def test_the_exif_directory_of_a_tiff_is_kept(tmp_path):
    for mode in ("RGB", "L"):
        path = tmp_path / "a.tif"
        about = Image.Exif()
        about.load(exif())
        Image.fromarray(pixels(mode).squeeze()).save(path, exif=about, dpi=(300, 300))
        _, data, _ = restored(path)
        a, b = Image.open(path), Image.open(io.BytesIO(data))
        assert dict(a.getexif().get_ifd(0x8769)) == dict(b.getexif().get_ifd(0x8769)) != {}
        assert (a.getexif()[0x010F], a.info["dpi"]) == (b.getexif()[0x010F], b.info["dpi"])


@pytest.mark.parametrize(
    ("mode", "ending", "says"),
    [
        ("RGB16", ".jpg", "16 bits became 8"), ("RGBA", ".jpg", "transparency was laid on white"),
        ("CMYK", ".png", "CMYK became RGB"), ("RGB", ".jpg", "with losses"), ("RGBA16", ".webp", "16 bits became 8"),
        ("RGB", ".jp2", ""), ("RGB16", ".jp2", ""), ("RGB", ".tif", ""), ("LA16", ".tif", ""),
        ("RGB", ".avif", "with losses"),
    ],
)  # fmt: skip
def test_another_format_says_what_it_cannot_hold(tmp_path, mode, ending, says):
    path = tmp_path / "a.tif"
    path.write_bytes(encoded(mode, "TIFF", None))
    _, data, notes = restored(path, ending=ending)
    assert says in "; ".join(notes)
    assert bool(says) == bool(notes)
    if "on white" in says:
        return
    found = images.decode_native(data, f"a{ending}")
    assert np.abs(found.srgb()[BOX].astype(float) * 255 / found.top - 128).mean() < 12


def test_a_palette_becomes_full_colours_and_unwritable_formats_png(tmp_path):
    Image.fromarray(pixels("RGB")).quantize(16).save(tmp_path / "a.png")
    before = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    _, data, notes = restored(tmp_path / "a.png")
    assert "palette" in notes[0]
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(data)))[HOLE[..., 0] == 0], before[HOLE[..., 0] == 0]
    )
    ends = {
        name: photo_files.ending_of(photo_files.PurePath(name)) for name in ("a.gif", "A.JPG", "b.TIFF", "c", "d.jp2")
    }
    assert ends == {"a.gif": ".png", "A.JPG": ".JPG", "b.TIFF": ".TIFF", "c": ".png", "d.jp2": ".jp2"}


def test_enlarging_enlarges_transparency_and_denoising_leaves_what_is_not_seen(tmp_path):
    values = pixels("RGBA")
    values[:4, :4, 3] = 0
    path = tmp_path / "a.png"
    Image.fromarray(values).save(path)
    _, data, _ = restored(path, np.full((2 * HEIGHT, 2 * WIDTH, 3), 99, np.uint8), hole=None)
    assert Image.open(io.BytesIO(data)).size == (2 * WIDTH, 2 * HEIGHT)
    assert np.asarray(Image.open(io.BytesIO(data)))[1, 1, 3] < 60
    _, data, _ = restored(path, np.full((HEIGHT, WIDTH, 3), 99, np.uint8), hole=None)
    result = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(result[:4, :4], values[:4, :4])
    assert (result[4:, 4:, :3] == 99).all()
    np.testing.assert_array_equal(result[..., 3], values[..., 3])


def test_a_filled_hole_is_opaque_if_it_was_told_by_transparency(tmp_path):
    values = pixels("RGBA")
    values[..., 3] = 255
    values[BOX][..., 3] = 0
    path = tmp_path / "a.png"
    Image.fromarray(values).save(path)
    _, data, _ = restored(path, fill_alpha=True)
    assert (np.asarray(Image.open(io.BytesIO(data)))[..., 3] == 255).all()


def test_what_was_written_is_compared(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(encoded("RGB", "PNG", None))
    monkeypatch.setattr(photo_files, "_image", lambda values, alpha: Image.fromarray(values ^ 1))
    with pytest.raises(AssertionError, match="does not hold the pixels"):
        restored(path)
    assert SRGB


@pytest.mark.parametrize("number", [1, 3, 6])
@pytest.mark.parametrize("ending", [".tif", ".jp2", ".png", ".ppm", ".avif", ".webp"])
def test_a_turned_photograph_is_upright_in_every_format_and_keeps_its_exif(tmp_path, ending, number):
    about = Image.Exif()
    about.load(exif())
    about[0x0112] = number
    path = tmp_path / "a.jpg"
    Image.fromarray(pixels("RGB")).save(path, exif=about, quality=95)
    upright = images.read_native(path).pixels
    _, data, _ = restored(path, hole=np.zeros((*upright.shape[:2], 1), np.float32), ending=ending)
    found = images.decode_native(data, "b")
    assert np.abs(found.pixels.astype(int) - upright).mean() < (0 if ending in (".tif", ".png") else 4) + 0.1
    if ending in (".tif", ".png", ".webp", ".avif"):
        held = Image.open(io.BytesIO(data)).getexif()
        assert held[0x010F] == "Maker"
        assert held.get_ifd(0x8769)[0x9003] == "2001:02:03 04:05:06"
    (tmp_path / f"c{ending}").write_bytes(data)
    if ending == ".tif":
        _, back, _ = restored(tmp_path / "c.tif", hole=np.zeros((*upright.shape[:2], 1), np.float32), ending=".png")
        np.testing.assert_array_equal(images.decode_native(back, "d").pixels, upright)
        assert Image.open(io.BytesIO(back)).getexif().get_ifd(0x8769)[0x9003] == "2001:02:03 04:05:06"
