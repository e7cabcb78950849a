"""TIFF files as they were, with other pixels: byte order, compression, resolution, tags, the EXIF directory."""

import io
import logging
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from dgan_jax.data import tiffs

STRUCTURE = frozenset((
    *range(254, 260), *range(262, 267), 273, *range(277, 282), 284, *range(288, 294), 301, *range(317, 326), 330, 332,
    333, 334, 338, 339, 340, 341, 347, *range(512, 522), *range(529, 533), 282, 283, 296, 34665, 34853, 34675, 40965,
    65420,
))  # fmt: skip
"""Tags that say how pixels are stored, and those that are written by themselves."""
COMPRESSIONS = {1: None, 5: "lzw", 8: "deflate", 32946: "deflate", 32773: "packbits", 34925: "lzma", 50000: "zstd"}
TEXTS = (270, 271, 272, 305, 306, 315, 33432)
"""Description, make, model, software, date, artist, copyright."""
EXIF_TAGS = (34665, 34853)
"""Pointers to the directories of EXIF and of GPS."""


class Kept(NamedTuple):
    """What of a file is written again."""

    order: str
    compression: str | None
    predictor: bool
    resolution: tuple | None
    unit: int
    tags: list[tuple]
    """As tifffile takes them: code, type, count, value, write once."""
    directories: dict[int, dict]
    orientation: int


def kept(stream: BinaryIO) -> Kept:
    """What describes the page that is read."""
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        page = tiffs.main_page(file)
        get = lambda code, default: page.tags[code].value if code in page.tags else default
        tags = [
            (tag.code, int(tag.dtype), tag.count, tag.value, True)
            for tag in page.tags
            if tag.code not in STRUCTURE and isinstance(tag.value, bytes | str | int | float | tuple)
        ]
        resolution = (get(282, None), get(283, None))
        whole = None not in resolution and all(isinstance(r, tuple) and r[1] for r in resolution)
        order, orientation = file.byteorder, tiffs._orientation(page)
        compression = COMPRESSIONS.get(int(page.compression), "deflate")
        predictor = int(get(317, 1)) in (2, 3)
    return Kept(
        order, compression, predictor and compression is not None, resolution if whole else None,
        int(get(296, 2)), tags, _directories(stream), orientation,
    )  # fmt: skip


def _directories(stream: BinaryIO) -> dict[int, dict]:
    """The EXIF and GPS directories, as Pillow reads them."""
    from PIL import Image

    try:
        stream.seek(0)
        exif = Image.Exif()
        with Image.open(stream, formats=("TIFF",)) as image:
            exif = image.getexif()
            return {code: dict(found) for code in EXIF_TAGS if (found := exif.get_ifd(code))}
    except Exception:  # Pillow does not know every TIFF
        return {}


def about(told: Kept, profile: bytes | None) -> dict[str, Any]:
    """What describes a TIFF, as Pillow's writers of other formats take it; pixels are upright then."""
    from PIL import Image

    exif = Image.Exif()
    for code, _, _, value, _ in told.tags:
        if code in TEXTS:
            exif[code] = value
    for code, entries in told.directories.items():
        exif.get_ifd(code).update({key: value for key, value in entries.items() if not isinstance(value, dict)})
    found: dict[str, Any] = {"exif": exif.tobytes()} if len(exif) or told.directories else {}
    xmp = next((value for code, _, _, value, _ in told.tags if code == 700), None)
    if told.resolution and told.unit == 2:
        found["dpi"] = tuple(a / b for a, b in told.resolution)
    return found | ({"xmp": xmp} if isinstance(xmp, bytes) else {}) | ({"icc_profile": profile} if profile else {})


def described(exif: bytes) -> tuple[list[tuple], dict[int, dict]]:
    """The texts and the directories of EXIF that came with another format, as `write` takes them."""
    from PIL import Image

    held = Image.Exif()
    held.load(exif)
    texts = [(code, 2, len(held[code]) + 1, held[code], True) for code in TEXTS if isinstance(held.get(code), str)]
    return texts, {code: dict(found) for code in EXIF_TAGS if (found := held.get_ifd(code))}


def write(values: np.ndarray, alpha: bool, profile: bytes | None, told: Kept | None, about: dict[str, Any]) -> bytes:
    """[H, W, C] uint8 or uint16 -> the bytes of a TIFF. about: of a photograph that was no TIFF (dpi, xmp)."""
    import tifffile

    count = values.shape[2] - alpha
    kind = {1: "minisblack", 3: "rgb", 4: "separated"}[count]
    options: dict[str, Any] = {"compression": "deflate", "predictor": True}
    tags: list[tuple] = []
    directories: dict[int, dict] = {}
    if told is not None:
        options = {"compression": told.compression, "predictor": told.predictor, "byteorder": told.order}
        if told.resolution:
            options |= {"resolution": told.resolution, "resolutionunit": told.unit}
        tags, directories = list(told.tags), told.directories
    else:
        if "exif" in about:
            tags, directories = described(about["exif"])
        if "dpi" in about:
            options |= {"resolution": tuple(float(v) for v in about["dpi"]), "resolutionunit": 2}
        if "xmp" in about:
            tags.append((700, 1, len(about["xmp"]), about["xmp"], True))
    if not any(tag[0] == 305 for tag in tags):
        options["software"] = False
    # tifffile writes no such pointers: their neighbours are, and get their numbers afterwards.
    tags += [(code - 1, 4, 1, 0, True) for code in directories]
    stream = io.BytesIO()
    tifffile.imwrite(
        stream, values[..., 0] if values.shape[2] == 1 else values, photometric=kind, planarconfig="contig",
        extrasamples=["unassalpha"] if alpha else None, iccprofile=profile, extratags=tags, metadata=None, **options,
    )  # fmt: skip
    return _with_directories(stream, directories)


def _with_directories(stream: io.BytesIO, directories: dict[int, dict]) -> bytes:
    """The EXIF and GPS directories behind everything else, and the pointers to them."""
    import tifffile
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        page: Any = file.pages[0]
        places = {code: page.tags[code - 1] for code in directories}
        prefix = b"II" if file.byteorder == "<" else b"MM"
    data = bytearray(stream.getvalue())
    for code, entries in directories.items():
        data += bytes(len(data) % 2)
        table = ImageFileDirectory_v2(b"II*\0\0\0\0\0" if prefix == b"II" else b"MM\0*\0\0\0\0", group=code)
        for key, value in entries.items():
            if isinstance(value, dict):
                continue
            table[key] = value
        start = len(data)
        order: Any = "little" if prefix == b"II" else "big"
        tag = places[code]
        data[tag.offset : tag.offset + 2] = code.to_bytes(2, order)
        data[tag.valueoffset : tag.valueoffset + 4] = start.to_bytes(4, order)
        data += table.tobytes(start)
    return bytes(data)
