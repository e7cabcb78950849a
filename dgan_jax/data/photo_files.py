"""A photograph as a file: read with all that describes it, and written again as it was, with other pixels.

The same format, depth, channels, colour profile, EXIF, XMP and resolution; pixels in the order in which they were
stored, so that the orientation stays what it was. What changes in spite of that is said (`Written.notes`).
"""

import dataclasses
import io
import os
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from dgan_jax.data import colour, images, left_out, masks, native, tiff_writing, tiffs
from dgan_jax.data.native import Native
from dgan_jax.data.opening import open_file

LOSSLESS = ("PNG", "TIFF", "BMP", "TGA", "PPM", "JPEG2000")
WRITTEN = {
    ".png": "PNG", **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"), ".webp": "WEBP", ".avif": "AVIF",
    ".jp2": "JPEG2000", **dict.fromkeys((".tif", ".tiff"), "TIFF"), ".bmp": "BMP", ".tga": "TGA",
    **dict.fromkeys((".ppm", ".pgm", ".pnm"), "PPM"),
}  # fmt: skip
"""Endings of what can be written."""
if left_out.heic_is_read():
    WRITTEN |= dict.fromkeys(sorted(left_out.HEIC), "HEIF")
DEEP = ("PNG", "TIFF", "JPEG2000", "PPM")
WITH_ALPHA = ("PNG", "TIFF", "WEBP", "AVIF", "JPEG2000", "TGA", "HEIF")
TURNING = ("PNG", "JPEG", "WEBP", "AVIF")
QUALITY = 95
BACK = {6: 8, 8: 6}
"""The orientation whose turn undoes that of another; of all others it is their own."""


@dataclasses.dataclass(frozen=True)
class Photo:
    """A file that was read. about: what Pillow's writers take to describe it (icc_profile, exif, xmp, dpi, ...)."""

    name: str
    native: Native
    format: str
    orientation: int = 1
    about: dict[str, Any] = dataclasses.field(default_factory=dict)
    tiff: tiff_writing.Kept | None = None
    palette: bool = False


class Written(NamedTuple):
    data: bytes
    notes: list[str]
    """What is not as it was in the input."""
    exact: bool
    """Whether the file holds what was to be written bit for bit, read again and compared."""


def ending_of(place: PurePath, format: str = "") -> str:
    """The ending of a result: the photograph's own, or that of the format (png, jpg, ...) that was asked for."""
    if format:
        return f".{format}"
    return place.suffix if place.suffix.lower() in WRITTEN else ".png"


def read_photo(path: str | os.PathLike, *, megapixels: float = images.MEGAPIXELS) -> Photo:
    """A file with all that describes it; a ValueError of one sentence where that is impossible."""
    picture = images.read_native(path, megapixels=megapixels)
    with open_file(path) as stream:
        head = stream.read(16)
        if tiffs.is_tiff(head):
            kept = tiff_writing.kept(stream)
            return Photo(str(path), picture, "TIFF", kept.orientation, {}, kept)
        with images.parsed(stream, str(path), megapixels) as image:
            try:
                return _described(str(path), image, picture, stream)
            except Exception as error:
                raise images.broken(str(path), error) from error


def _described(name: str, image: Image.Image, picture: Native, stream: Any) -> Photo:
    orientation = images.orientation(image)
    about = {key: image.info[key] for key in ("icc_profile", "exif", "xmp", "dpi", "comment") if image.info.get(key)}
    if image.format in ("JPEG", "MPO"):
        tables = getattr(image, "quantization", None)
        if tables:
            about |= {"qtables": tables, "subsampling": max(get_sampling(image), 0)}
        about["progressive"] = bool(image.info.get("progressive"))
    if image.format == "WEBP":
        stream.seek(0)
        about["lossless"] = b"VP8L" in stream.read(4096)
    if image.format == "PNG":
        image.load()  # what comes behind the pixels
        about |= {key: image.info[key] for key in ("exif", "xmp", "dpi") if image.info.get(key)}
        about["text"] = dict(getattr(image, "text", {}))
        about |= {key: image.info[key] for key in ("gamma", "chromaticity", "srgb") if key in image.info}
    format = "JPEG" if image.format == "MPO" else str(image.format)
    return Photo(name, picture, format, orientation, about, None, image.mode in ("P", "PA"))


def merged(
    photo: Photo, result: np.ndarray, hole: np.ndarray | None, *, fill_alpha: bool = False, feather: int = 0
) -> Native:
    """The photograph with what was restored, in its own colours and at its own depth.

    result: uint8 or uint16 [H', W', 1 or 3] in sRGB. hole: [H, W, 1], 1 = restored; every other pixel stays as it is,
    bit for bit. None: all is restored, but for what is wholly transparent. fill_alpha: the hole becomes opaque.
    feather: over so many pixels inside the edge of the hole the photograph becomes the result by and by.
    """
    old, top = photo.native, photo.native.top
    same = result.shape[:2] == old.pixels.shape[:2]
    chosen = np.ones(result.shape[:2], bool) if hole is None else hole[..., 0] > 0
    if hole is None and same and old.alpha is not None:
        chosen = old.alpha > 0
    new = colour.from_srgb(result[chosen] / float(np.iinfo(result.dtype).max), old.profile, old.pixels.shape[2])
    if hole is not None and feather:
        share = masks.inside(chosen, feather)[chosen][:, None]
        new = share * new + (1 - share) * (old.pixels[chosen] / top)
    pixels = old.pixels.copy() if same else np.zeros((*result.shape[:2], old.pixels.shape[2]), old.pixels.dtype)
    pixels[chosen] = np.round(np.clip(new, 0, 1) * top).astype(old.pixels.dtype)
    alpha = old.alpha
    if alpha is not None and not same:
        sized = Image.fromarray(alpha.astype(np.float32)).resize(result.shape[1::-1], Image.Resampling.BICUBIC)
        alpha = np.clip(np.round(np.asarray(sized)), 0, top).astype(alpha.dtype)
    elif alpha is not None and fill_alpha:
        alpha = np.where(chosen, top, alpha).astype(alpha.dtype)
    return dataclasses.replace(old, pixels=pixels, alpha=alpha)


def encode(photo: Photo, picture: Native, ending: str, *, same_quality: bool = True) -> Written:
    """The bytes of a file with these pixels, described as the photograph is.

    same_quality: a JPEG is written with the tables of the input, otherwise with finer ones. Of lossless formats the
    file is read again and compared: an AssertionError if a pixel has changed.
    """
    own = WRITTEN.get(ending.lower(), "PNG")
    # A file whose name says another format than it holds keeps both.
    same = ending == PurePath(photo.name).suffix and photo.format in WRITTEN.values()
    format = photo.format if same else own
    notes: list[str] = []
    wanted = picture
    picture = _fitting(photo, picture, format, notes)
    if photo.tiff is not None and format != "TIFF":
        photo = dataclasses.replace(photo, about=tiff_writing.about(photo.tiff, photo.native.profile), orientation=1)
    # Formats that say how pixels are to be turned keep them as they were stored.
    turned = photo.orientation if (photo.tiff is not None or (format in TURNING and "exif" in photo.about)) else 1
    turn = native.TURNED.get(BACK.get(turned, turned), native.TURNED[1])
    stored = np.ascontiguousarray(turn(picture.pixels))
    alpha = None if picture.alpha is None else np.ascontiguousarray(turn(picture.alpha))
    values = stored if alpha is None else np.dstack([stored, alpha])
    lossless = format in LOSSLESS or (format == "WEBP" and photo.about.get("lossless", False))
    if format == "TIFF":
        data = tiff_writing.write(values, alpha is not None, picture.profile, photo.tiff, photo.about)
    elif format == "PPM" and values.dtype == np.uint16:
        kind = b"P6" if values.shape[2] == 3 else b"P5"
        data = kind + f"\n{values.shape[1]} {values.shape[0]}\n65535\n".encode() + values.astype(">u2").tobytes()
    else:
        data = _by_pillow(photo, values, format, same_quality, picture)
    if not lossless:
        notes.append(f"{format} is written with losses: pixels outside the hole are not bit for bit those of the input")
    else:
        _check(data, picture, format)
    same_values = wanted.pixels is picture.pixels and wanted.alpha is picture.alpha
    return Written(data, notes, lossless and same_values)


def _fitting(photo: Photo, picture: Native, format: str, notes: list[str]) -> Native:
    """What the format can hold of a picture."""
    if photo.palette:
        notes.append("the palette became full colours: it has no room for those of the filling")
    if picture.pixels.dtype == np.uint16 and format not in DEEP:
        notes.append(f"16 bits became 8: {format} holds no more")
        alpha = None if picture.alpha is None else colour.eight_bits(picture.alpha)
        picture = dataclasses.replace(picture, pixels=colour.eight_bits(picture.pixels), alpha=alpha, bits=8)
    if picture.bits == 1:
        notes.append("black and white became grey of 8 bits")
    if picture.alpha is not None and format not in WITH_ALPHA:
        notes.append(f"transparency was laid on white: {format} holds none")
        flat = colour.from_srgb(
            picture.eight().reshape(-1, picture.srgb().shape[2]) / 255, picture.profile, picture.pixels.shape[2]
        )
        pixels = np.round(flat * 255).astype(np.uint8).reshape(picture.pixels.shape)
        picture = dataclasses.replace(picture, pixels=pixels, alpha=None)
    if picture.pixels.shape[2] == 4 and format not in ("JPEG", "TIFF"):
        notes.append(f"CMYK became RGB: {format} holds no CMYK")
        picture = dataclasses.replace(picture, pixels=picture.srgb(), profile=None)
    if picture.profile and format in ("BMP", "TGA", "PPM", "JPEG2000") and not colour.is_srgb(picture.profile):
        notes.append(f"the colour profile is lost: {format} is written without")
    return picture


def _by_pillow(photo: Photo, values: np.ndarray, format: str, same_quality: bool, picture: Native) -> bytes:
    from PIL.PngImagePlugin import PngInfo

    about = photo.about
    options: dict[str, Any] = {}
    profile = about.get("icc_profile") if "icc_profile" in about else None
    if picture.profile is not None and not (format == "PNG" and "gamma" in about):
        profile = profile or picture.profile
    if picture.profile is None and photo.native.profile is not None:
        profile = None  # CMYK that became sRGB
    if format in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "HEIF"):
        options |= {key: about[key] for key in ("exif", "dpi") if key in about}
        options |= {"icc_profile": profile} if profile and format != "BMP" else {}
    if format in ("JPEG", "WEBP", "AVIF", "HEIF") and "xmp" in about:
        options["xmp"] = about["xmp"]
    if format == "JPEG":
        options |= {"progressive": about.get("progressive", False)}
        options |= {"comment": about["comment"]} if "comment" in about else {}
        options |= _jpeg_quality(about, same_quality and photo.format == "JPEG")
    elif format == "WEBP":
        options |= {"lossless": True, "exact": True} if about.get("lossless") else {"quality": QUALITY}
    elif format in ("AVIF", "HEIF"):
        options |= {"quality": QUALITY}
    elif format == "PNG":
        info = PngInfo()
        for key, text in about.get("text", {}).items():
            info.add_itxt(key, text, getattr(text, "lang", "") or "", getattr(text, "tkey", "") or "")
        if "xmp" in about and "XML:com.adobe.xmp" not in about.get("text", {}):
            info.add_itxt("XML:com.adobe.xmp", about["xmp"].decode("utf-8", "replace"))
        if not profile:
            _state_gamma(info, about)
        options["pnginfo"] = info
    stream = io.BytesIO()
    if values.dtype == np.uint16:
        return _deep(values, format, options)
    _image(values, picture.alpha is not None).save(stream, format, **options)
    return stream.getvalue()


def _image(values: np.ndarray, alpha: bool) -> Image.Image:
    """Stored values, [H, W, C], as Pillow's image."""
    if values.shape[2] == 1:
        return Image.fromarray(values[..., 0])
    return Image.fromarray(values, "CMYK") if values.shape[2] == 4 and not alpha else Image.fromarray(values)


def _jpeg_quality(about: dict[str, Any], same: bool) -> dict[str, Any]:
    if same and "qtables" in about:
        return {"qtables": list(about["qtables"].values()), "subsampling": about["subsampling"]}
    return {"quality": QUALITY, "subsampling": 0}


def _state_gamma(info: Any, about: dict[str, Any]) -> None:
    if "srgb" in about:
        info.add(b"sRGB", bytes([int(about["srgb"]) & 3]))
    if "gamma" in about:
        info.add(b"gAMA", round(about["gamma"] * 100_000).to_bytes(4))
    if "chromaticity" in about:
        info.add(b"cHRM", b"".join(round(v * 100_000).to_bytes(4) for v in about["chromaticity"]))


def _deep(values: np.ndarray, format: str, options: dict[str, Any]) -> bytes:
    """PNG or JPEG 2000 of 16 bits. What describes a PNG is taken from a small one that Pillow writes."""
    import imagecodecs

    values = np.ascontiguousarray(values[..., 0] if values.shape[2] == 1 else values)
    if format == "JPEG2000":
        return bytes(imagecodecs.jpeg2k_encode(values, level=0, reversible=True, codecformat="jp2"))
    whole = bytes(imagecodecs.png_encode(values))
    stream = io.BytesIO()
    Image.new("L" if values.ndim == 2 or values.shape[2] == 2 else "RGB", (1, 1)).save(stream, "PNG", **options)
    small, parts, place = stream.getvalue(), b"", 8
    while place < len(small):
        length, kind = int.from_bytes(small[place : place + 4]), small[place + 4 : place + 8]
        if kind not in (b"IHDR", b"IDAT", b"IEND"):
            parts += small[place : place + 12 + length]
        place += 12 + length
    return whole[:33] + parts + whole[33:]


def _check(data: bytes, picture: Native, format: str) -> None:
    """That a file of a lossless format holds what was to be written, upright."""
    found = images.decode_native(data, "the result", megapixels=float("inf"))
    same = lambda a, b: (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b))
    pixels = found.pixels
    if pixels.shape != picture.pixels.shape and pixels.shape[2] == 1:
        pixels = pixels.repeat(picture.pixels.shape[2], axis=2)
    if not (same(pixels, picture.pixels) and same(found.alpha, picture.alpha)):
        raise AssertionError(f"the {format} file that was made does not hold the pixels that were to be written")
