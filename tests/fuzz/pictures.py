"""Photographs, masks and folders of them."""

import struct
import zlib
from typing import Any

from hypothesis import strategies as st

from . import good
from .damage import SPECIAL, broken, hurt, one_of, seldom
from .good import RESTORE
from .judge import Case


@st.composite
def wild_png(draw: Any) -> bytes:
    """A PNG with right checksums and a header that means anything."""
    size = st.integers(0, 40) | st.sampled_from((2**14, 2**16, 2**31 - 1, 2**32 - 1))
    depth, colour = st.sampled_from((0, 1, 2, 4, 8, 16, 255)), st.sampled_from((0, 2, 3, 4, 6, 7))
    header = struct.pack(
        ">IIBBBBB",
        draw(size),
        draw(size),
        draw(depth),
        draw(colour),
        draw(st.integers(0, 1)),
        0,
        draw(st.integers(0, 2)),
    )
    extra = st.sampled_from((b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"zTXt", b"iTXt", b"gAMA", b"acTL", b"fcTL", b"fdAT"))
    chunks = [(b"IHDR", header), *((draw(extra), draw(st.binary(max_size=40))) for _ in range(draw(st.integers(0, 3))))]
    chunks += [(b"IDAT", zlib.compress(draw(st.binary(max_size=200)))), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@st.composite
def wild_jpeg(draw: Any) -> bytes:
    """A good JPEG with EXIF, a profile and a comment of any bytes."""
    exif = (
        b"Exif\0\0"
        + draw(st.sampled_from((b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"")))
        + draw(st.binary(max_size=80))
    )
    profile = draw(broken(good.profile()))
    return good.encoded(good.picture(), "JPEG", exif=exif, icc_profile=profile, comment=draw(st.binary(max_size=20)))


def image_bytes() -> st.SearchStrategy[bytes]:
    other = {
        **good.arrays(),
        **good.tars(),
        **good.checkpoints(),
        "script": b"#!/bin/sh\n",
        "eps": b"%!PS-Adobe-3.0 EPSF",
    }
    return st.one_of(
        hurt(good.images()), hurt(good.images()), hurt(good.images()), wild_png(), wild_jpeg(),
        one_of(good.images()), st.binary(max_size=300), one_of(other),
    )  # fmt: skip


def endings() -> st.SearchStrategy[str]:
    return st.sampled_from((".png", ".jpg", ".tif", ".gif", ".webp", ".PNG", "", ".png.txt"))


@st.composite
def photographs(draw: Any) -> Case:
    """A photograph to restore."""
    if seldom(draw):
        special = {"photo.png": draw(st.sampled_from(SPECIAL))}
        return Case(RESTORE, {"hole.png": good.hole()}, special)
    name = "photo" + draw(endings())
    command = tuple(name if part == "photo.png" else part for part in RESTORE)
    return Case(command, {name: draw(image_bytes()), "hole.png": good.hole()})


@st.composite
def masks(draw: Any) -> Case:
    """A mask beside a good photograph."""
    polarity = draw(st.sampled_from(("auto", "white-hole", "white-keep")))
    files = {"photo.png": good.photo(), "hole.png": draw(image_bytes())}
    special = {"hole.png": draw(st.sampled_from(SPECIAL))} if seldom(draw) else {}
    return Case((*RESTORE, "--polarity", polarity), files, special)


@st.composite
def folders(draw: Any) -> Case:
    """A folder of images, good and bad, to look at or to evaluate on."""
    names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12)
    names = names.filter(lambda name: name not in (".", "..") and len(name.encode()) < 60)
    files = {}
    for _ in range(draw(st.integers(0, 4))):
        files[f"photos/{draw(names)}{draw(endings())}"] = draw(image_bytes())
    special = {}
    if files and not draw(st.integers(0, 3)):
        special["photos/a.png"] = draw(st.sampled_from(SPECIAL))
    verbs = (
        ("data", "show", "photos"), ("evaluate", "nearest", "--data", "photos", "--size", "8", "--out", "out"),
        ("restore", "inpaint", "photos", "--hole", "hole.png", "--system", "nearest", "-o", "out"),
    )  # fmt: skip
    command = draw(st.sampled_from(verbs[:2] if files else verbs))
    return Case(command, files | {"hole.png": good.hole()}, special)


NAMES = (
    "p.png",
    "P.PNG",
    "p.jpg",
    "p.json",
    "p_mask.png",
    "mask-p.webp",
    "p.png.png",
    "sub/p.png",
    "masks/p.png",
    "q.png",
    "p.dng",
)


@st.composite
def albums(draw: Any) -> Case:
    """A photograph, masks under all sorts of names, and something in the place of the result, which must stay."""
    photo, other = draw(st.sampled_from((*NAMES[:3], "p.tif", "sub/p.png"))), good.hole()
    files = {f"photos/{photo}": draw(st.just(good.photo()) | one_of(good.images()))}
    if draw(st.booleans()):
        files["holes/p.png"] = other
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True)):
        files[f"{draw(st.sampled_from(('holes', 'holes', 'photos')))}/{name}"] = other
    special = {}
    match draw(st.integers(0, 5)):
        case 0:
            files[f"out/{draw(st.sampled_from(NAMES))}"] = other
        case 1:
            special["out"] = draw(st.sampled_from(SPECIAL))
        case 2:
            files["out/.dgan-restored.jsonl"] = draw(st.binary(max_size=60) | st.just(b'{"file": "p.png"}\n[1]\n3\n'))
        case 3:
            special["out/p.png"] = draw(st.sampled_from(SPECIAL))
            files["out/q.txt"] = b""
    command = ["restore", "inpaint", draw(st.sampled_from(("photos", f"photos/{photo}", "photos/*")))]
    command += [
        "--hole",
        draw(st.sampled_from(("holes", "holes", "holes", "photos", "alpha", f"photos/{photo}", "holes/p.png"))),
    ]
    command += ["--system", "nearest", "-o", draw(st.sampled_from(("out", "out", "holes", "photos", ".")))]
    command += draw(st.sampled_from(((), ("--again",), ("--grow", "2"), ("--grow", "-1"), ("--grow", "99999"))))
    command += draw(st.sampled_from(((), (), ("--format", "png"), ("--format", "tif"), ("--format", "jp2"))))
    return Case(tuple(command), files, special, several=True)
