"""What a folder holds beside the images that are read: named, so that nobody believes it was worked on."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path, PurePath

_RAW = """.dng .nef .nrw .cr2 .cr3 .crw .arw .srf .sr2 .orf .rw2 .raf .pef .srw .raw .rwl .3fr .fff .iiq .x3f .erf .kdc
.mrw .gpr"""
RAW = frozenset(_RAW.split())
"""Photographs as the sensor saw them. Many are TIFFs of which a reader would take the small preview."""
OTHER = {
    **dict.fromkeys(RAW, "raw photographs"), **dict.fromkeys((".psd", ".psb"), "Photoshop files"),
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC photographs"), ".jxl": "JPEG XL images",
    **dict.fromkeys((".xcf", ".kra", ".afphoto", ".svg", ".ai", ".eps", ".pdf", ".djvu"), "drawings and documents"),
    **dict.fromkeys((".exr", ".hdr", ".pfm"), "images of high dynamic range"),
    **dict.fromkeys((".ico", ".dds", ".pcx", ".sgi", ".xpm", ".qoi", ".jxr", ".wdp", ".fits", ".dcm"), "other images"),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".m4v", ".3gp"), "videos"),
}  # fmt: skip
"""Endings of files that hold pictures and are not read, and what people call them."""
SHOWN = 3
HEIC = frozenset({".heic", ".heif", ".hif"})


def heic_is_read() -> bool:
    """Whether the library is installed that reads HEIC: the extra dgan_jax[heic]."""
    return importlib.util.find_spec("pillow_heif") is not None


def advice(kind: str) -> str:
    """What helps with files of this kind."""
    if kind == "HEIC photographs":
        return 'pip install "dgan_jax[heic]" reads them, or export them as JPEG or TIFF'
    if kind == "raw photographs":
        return "develop them first, to TIFF of 16 bits or JPEG"
    return "export them as PNG, TIFF or JPEG"


def kind_of(path: PurePath) -> str:
    """What a file is that is not read, by its ending: "" for what holds no picture."""
    ending = path.suffix.lower()
    return "" if ending in HEIC and heic_is_read() else OTHER.get(ending, "")


def is_heic(head: bytes) -> bool:
    """Whether a file that begins with these 16 bytes is HEIC, whatever its name."""
    brands = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
    return head[4:8] == b"ftyp" and head[8:12] in brands


def refusal(path: PurePath, head: bytes = b"") -> str:
    """The sentence for such a file that somebody named."""
    kind = "HEIC photographs" if is_heic(head) else kind_of(path)
    one = kind.removesuffix("s").replace("drawings and document", "drawing or document")
    article = "an" if one[:1] in "aeiou" else "a"
    return f"{path} is {article} {one.replace('images', 'image')}, which is not read; {advice(kind)}"


def refuse_raw(path: str | os.PathLike) -> None:
    """A ValueError for a raw photograph: many are TIFFs, of which the small preview would be read."""
    if kind_of(Path(path)) == "raw photographs":
        raise ValueError(refusal(Path(path)))


def summary(paths: Sequence[PurePath]) -> str:
    """For example: left out: 2 HEIC photographs (a.heic, b.heic; install ...), 1 video (c.mp4; ...). "" for nothing."""
    by_kind: dict[str, list[str]] = {}
    for path in paths:
        by_kind.setdefault(kind_of(path), []).append(path.name)
    parts = []
    for kind, found in by_kind.items():
        more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        what = kind if len(found) > 1 else kind.removesuffix("s")
        parts.append(f"{len(found)} {what} ({', '.join(found[:SHOWN])}{more}; {advice(kind)})")
    return f"left out: {', '.join(parts)}" if parts else ""


def frames(names: Sequence[str]) -> str:
    """For example: 2 files hold further frames or pages, which are left out (a.gif, b.tif)."""
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    what = "files hold" if len(names) > 1 else "file holds"
    return f"{len(names)} {what} further frames or pages, which are left out ({', '.join(sorted(names)[:SHOWN])}{more})"
