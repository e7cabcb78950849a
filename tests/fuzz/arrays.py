"""Images in a .npz, a .npy or a .tar."""

import io
import struct
import tarfile
import zipfile
from typing import Any

import numpy as np
from hypothesis import strategies as st

from . import good
from .damage import SPECIAL, WORDS, broken, hurt, one_of, seldom
from .judge import Case


@st.composite
def wild_npy(draw: Any) -> bytes:
    """A .npy whose header says anything."""
    kinds = ("|u1", "<f4", "|O", "|V8", "<U7", "<i8", "|u1,|u1", "<M8[s]", "nonsense", "|S0")
    shape = tuple(draw(st.lists(st.integers(-1, 12) | st.sampled_from(WORDS), max_size=5)))
    order = draw(st.booleans())
    text = f"{{'descr': {draw(st.sampled_from(kinds))!r}, 'fortran_order': {order}, 'shape': {shape}, }}\n"
    header = draw(st.sampled_from((text, text, text, draw(st.text(max_size=40))))).encode()
    version = draw(st.sampled_from((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\7\7")))
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(header))
    return b"\x93NUMPY" + version + length + header + draw(st.binary(max_size=100))


@st.composite
def wild_npz(draw: Any) -> bytes:
    """A zip of arrays of any name and kind: what numpy itself would write, or what it would not."""
    stream = io.BytesIO()
    compression = draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name in draw(
            st.lists(
                st.sampled_from(("image", "x", "jpeg", "offset", "label", "class_names", "a")), max_size=4, unique=True
            )
        ):
            if draw(st.booleans()):
                data = draw(wild_npy())
            else:
                kind = draw(st.sampled_from(("u1", "i8", "f4", "u8", "U3", "?")))
                shape = draw(st.lists(st.integers(0, 9), max_size=4))
                inner = io.BytesIO()
                np.save(inner, np.full(shape, draw(st.integers(0, 9))).astype(kind))
                data = inner.getvalue()
            archive.writestr(f"{name}.npy", data)
    return stream.getvalue()


@st.composite
def arrays(draw: Any) -> Case:
    """A .npz or .npy of images."""
    name = draw(st.sampled_from(sorted(good.arrays())))
    special = {}
    match draw(st.integers(0, 9)):
        case 0:
            name, data = "a.npy", draw(wild_npy())
        case 1 | 2:
            name, data = "a.npz", draw(wild_npz())
        case 3:
            data, special = b"", {name: draw(st.sampled_from(SPECIAL))}
        case _:
            data = draw(broken(good.arrays()[name]))
    verbs = (
        ("data", "show", name), ("data", "show", name),
        ("evaluate", "nearest", "--data", name, "--size", "8", "--limit", "2", "--out", "out"),
    )  # fmt: skip
    return Case(draw(st.sampled_from(verbs)), {name: data}, special)


@st.composite
def wild_tar(draw: Any) -> bytes:
    """A tar with right checksums and a member whose size, type and name are anything."""
    entry = tarfile.TarInfo(draw(st.text(max_size=20)) + ".png")
    entry.size = draw(st.sampled_from((0, 1, 511, 512, 10**6, 8**11 - 1, 2**40, 2**62)))
    entry.type = draw(st.sampled_from((b"0", b"1", b"2", b"5", b"6", b"7", b"L", b"K", b"x", b"g", b"S", b"\0", b"Z")))
    entry.linkname = draw(st.sampled_from(("", "/etc/passwd", "../../x")))
    try:
        header = entry.tobuf(draw(st.sampled_from((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))))
    except (ValueError, UnicodeError):
        header = b"\0" * 512
    return header + draw(st.binary(max_size=600)) + draw(one_of(good.tars()))


@st.composite
def tars(draw: Any) -> Case:
    """A tar of images."""
    data = draw(hurt(good.tars()) | hurt(good.tars()) | wild_tar())
    special = {"a.tar": draw(st.sampled_from(SPECIAL))} if seldom(draw) else {}
    return Case(("data", "show", "a.tar"), {"a.tar": data}, special)
