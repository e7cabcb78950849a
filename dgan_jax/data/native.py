"""What an image file holds, upright, at its own depth and in its own colours; and the same in sRGB."""

import dataclasses
import io
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageOps

from dgan_jax.data import colour, tiffs

LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "JPEG2000", "HEIF")
TURNED = {
    1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1), 6: lambda x: x.swapaxes(0, 1)[:, ::-1], 7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: x.swapaxes(0, 1)[::-1],
}  # fmt: skip
"""EXIF orientation -> what makes stored pixels upright."""


@dataclasses.dataclass(frozen=True)
class Native:
    """pixels: [H, W, 1 (grey), 3 (RGB) or 4 (CMYK)], uint8 or uint16; alpha: [H, W] of the same type, or None.

    Values are in the colours of `profile` (ICC), or in sRGB where it is None. bits: of a channel in the file. loss: how
    far, of 255, the file's format moves values away from the truth beside an edge; 0 for lossless ones.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    profile: bytes | None = None
    bits: int = 8
    loss: float = 0.0

    @property
    def top(self) -> int:
        return int(np.iinfo(self.pixels.dtype).max)

    def srgb(self) -> np.ndarray:
        """[H, W, 1 or 3] of the same depth."""
        return colour.to_srgb(self.pixels, self.profile)

    def straight(self) -> np.ndarray:
        """[H, W, 1 or 3] in sRGB at its own depth, as it is under the transparency; white where nothing is seen."""
        seen = self.srgb()
        return seen if self.alpha is None else np.where(self.alpha[..., None] > 0, seen, seen.dtype.type(self.top))

    def eight(self, *, background: int = 255) -> np.ndarray:
        """uint8 [H, W, 1 or 3] in sRGB, what is transparent laid on grey of this brightness."""
        seen = self.srgb()
        if self.alpha is not None:
            share = self.alpha[..., None].astype(np.float32) / self.top
            seen = seen * share + (background / 255 * self.top) * (1 - share)
            return np.round(seen * (255 / self.top)).astype(np.uint8)
        return colour.eight_bits(seen)


def read_tiff(stream: BinaryIO) -> Native | None:
    """A TIFF, but for the kinds that Pillow reads right: then None."""
    held = tiffs.read(stream)
    if held is None:
        return None
    turn = TURNED.get(held.orientation, TURNED[1])
    return Native(turn(held.pixels), None if held.alpha is None else turn(held.alpha), held.profile, held.bits)


def read(image: Image.Image, stream: BinaryIO) -> Native:
    """image: opened by Pillow, nothing decoded yet; stream: the same file."""
    profile, loss = image.info.get("icc_profile") or _gamma(image.info), loss_of(image)
    deep = _deep(image, stream)
    if deep is not None:
        exif = image.getexif() if "exif" in image.info else {}
        pixels, alpha = _split(TURNED.get(exif.get(0x0112, 1), TURNED[1])(deep))
        return Native(pixels, alpha, profile, 16, loss)
    picture = _of_pillow(ImageOps.exif_transpose(image))
    return dataclasses.replace(picture, profile=None if image.mode == "LAB" else profile, loss=loss)


def loss_of(image: Image.Image) -> float:
    """`Native.loss` of a file."""
    tables = getattr(image, "quantization", None)
    if tables and 0 in tables:
        # Of a JPEG, by the steps of its lower frequencies: an edge has much of each of them.
        return max(8.0, float(np.mean(sorted(tables[0])[:24])))
    return 8.0 if image.format in LOSSY else 0.0


def _of_pillow(image: Image.Image) -> Native:
    if image.mode == "LAB":  # Pillow itself cannot convert it
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return Native(np.asarray(ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")))
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        full = 65535.0 if image.mode.startswith("I;16") else 0.0
        return Native(_whole(values, full)[..., None], bits=16)
    if image.mode == "1":
        return Native(np.asarray(image.convert("L"))[..., None], bits=1)
    if image.mode == "CMYK":
        return Native(np.asarray(image))
    grey = image.mode in ("L", "LA", "La")
    mode = ("L" if grey else "RGB") + ("A" if image.has_transparency_data and not grey else "")
    if grey and image.has_transparency_data:
        mode = "LA"
    pixels, alpha = _split(np.asarray(image.convert(mode)))
    if image.mode in ("P", "PA") and (pixels == pixels[..., :1]).all():  # a palette of greys
        pixels = pixels[..., :1]
    return Native(pixels, alpha)


def _split(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """[H, W] or [H, W, 1..4] -> colours and alpha."""
    values = values[..., None] if values.ndim == 2 else values
    if values.shape[2] in (2, 4):
        return np.ascontiguousarray(values[..., :-1]), np.ascontiguousarray(values[..., -1])
    return np.ascontiguousarray(values), None


def _whole(values: np.ndarray, full: float) -> np.ndarray:
    """Grey of unknown range -> uint16. full: the value of white, or 0: the smallest of 1 (floats), 255 and 65535."""
    if full == 65535 and values.dtype.kind == "u":
        return values.astype(np.uint16)
    return tiffs.of_unknown_range(values)


def _deep(image: Image.Image, stream: BinaryIO) -> np.ndarray | None:
    """The pixels, uint16 [H, W, C], of a file of 16 bits that Pillow would cut to 8; None for others."""
    if image.format not in ("PNG", "JPEG2000", "PPM"):
        return None
    place = stream.tell()
    try:
        stream.seek(0)
        head = stream.read(64)
        if image.format == "PNG":
            deep = head[24] == 16 and head[25] in (2, 4, 6)
        elif image.format == "PPM":
            return _deep_ppm(stream, image)
        else:
            start = head.find(b"\xff\x4f\xff\x51")
            if start < 0:
                stream.seek(0)
                head = stream.read(4096)
                start = head.find(b"\xff\x4f\xff\x51")
            deep = start >= 0 and (head[start + 42] & 0x7F) + 1 > 8
        if not deep:
            return None
        import imagecodecs

        stream.seek(0)
        decode = imagecodecs.png_decode if image.format == "PNG" else imagecodecs.jpeg2k_decode
        values = np.asarray(decode(stream.read()))
        if image.format == "JPEG2000":
            bits = (head[start + 42] & 0x7F) + 1
            values = np.round(values.astype(np.float64) * (65535 / (2**bits - 1))).astype(np.uint16)
        if values.shape[:2] != (image.height, image.width) or values.dtype != np.uint16:
            raise ValueError("the pixels are not what the header says")
        return values
    finally:
        stream.seek(place)


def _deep_ppm(stream: BinaryIO, image: Image.Image) -> np.ndarray | None:
    """A binary PGM or PPM whose largest value is above 255."""
    stream.seek(0)
    kind = stream.read(2)
    numbers: list[int] = []
    while kind in (b"P5", b"P6") and len(numbers) < 3:
        word = b""
        while (c := stream.read(1)).strip():
            if c == b"#":
                stream.readline()
                break
            word += c
        if not c:
            return None
        numbers += [int(word)] if word else []
    if not numbers or not 255 < numbers[2] < 65536:
        return None
    width, height, top = numbers
    count = width * height * (3 if kind == b"P6" else 1)
    if (width, height) != image.size:
        raise ValueError("the pixels are not what the header says")
    values = np.frombuffer(stream.read(2 * count), ">u2")
    if len(values) != count:
        raise ValueError("image file is truncated")
    scaled = np.minimum(np.round(values * (65535 / top)), 65535).astype(np.uint16)
    return scaled.reshape(height, width, -1)


def _gamma(info: dict) -> bytes | None:
    """A profile of the gamma that a PNG states instead of one, where it is not nearly that of sRGB."""
    gamma = info.get("gamma")
    if not gamma or "srgb" in info or not 0.1 < gamma < 3 or abs(gamma - 0.45455) < 0.03:
        return None
    return gamma_profile(1 / gamma)


def gamma_profile(power: float) -> bytes:
    """A profile of sRGB's primaries with this power for a curve."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = int.from_bytes(plain[128:132])
    curve = b"curv" + bytes(4) + (1).to_bytes(4) + round(256 * power).to_bytes(2) + bytes(2)
    place = len(plain) + -len(plain) % 4
    table = b""
    for i in range(132, 132 + 12 * count, 12):
        name = plain[i : i + 4]
        table += name + place.to_bytes(4) + len(curve).to_bytes(4) if name[1:] == b"TRC" else plain[i : i + 12]
    whole = io.BytesIO(plain[:132] + table + plain[132 + 12 * count :])
    whole.seek(place)
    whole.write(curve)
    made = bytearray(whole.getvalue())
    made[0:4] = len(made).to_bytes(4)
    return bytes(made)
