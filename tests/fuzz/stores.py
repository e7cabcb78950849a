"""Files of weights: safetensors, and checkpoints of PyTorch; prepared datasets."""

import hashlib
import io
import json
import struct
import sys
import zipfile
from typing import Any

from hypothesis import strategies as st

from dgan_jax.data.safetensors_file import read_weights

from . import good
from .damage import SPECIAL, WORDS, broken, edited, hurt, plain, seldom
from .judge import Case


def weigh(arguments: list[str]) -> int:
    """What a verb does with a weights file."""
    try:
        read_weights(arguments[0])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


@st.composite
def wild_safetensors(draw: Any) -> bytes:
    """A header that means anything, and some values."""
    shape = st.lists(st.integers(-1, 4) | st.sampled_from(WORDS), max_size=3)
    part = st.fixed_dictionaries({
        "dtype": st.sampled_from(("F32", "F64", "BF16", "F8_E4M3", "U8", "BOOL", "nonsense")), "shape": shape,
        "data_offsets": st.lists(st.integers(0, 64) | st.sampled_from(WORDS), min_size=2, max_size=2),
    })  # fmt: skip
    names = st.sampled_from(("a", "a/b", "a/b/c", "", "/", "a//b", "__metadata__"))
    header = draw(st.dictionaries(names, part | plain(), max_size=3))
    if draw(st.booleans()):
        header["__metadata__"] = draw(
            st.fixed_dictionaries({"config": st.just("{}"), "versions": st.sampled_from(("{}", "[", "3"))})
        )
    data = json.dumps(header).encode()
    length = draw(st.sampled_from((len(data), len(data), len(data), 0, 2**40, 2**63, 2**64 - 1)))
    return struct.pack("<Q", length) + data + draw(st.binary(max_size=64))


@st.composite
def weights(draw: Any) -> Case:
    """A safetensors file or its note, changed; or both, so that the digest is right."""
    data, note = good.weights()
    name = "w.safetensors"
    match draw(st.integers(0, 4)):
        case 0 | 1:
            changed = draw(broken(data).filter(lambda other: other != data))
            return Case((name,), {name: changed, "w.json": note}, never=True, call=weigh)
        case 2:
            return Case(
                (name,),
                {name: data, "w.json": draw(broken(note) | plain().map(lambda x: json.dumps(x).encode()))},
                call=weigh,
            )
        case 3:
            return Case((name,), {"w.json": note}, {name: draw(st.sampled_from(SPECIAL))}, call=weigh)
        case _:
            sealed = draw(wild_safetensors() | broken(data))
            digest = json.dumps({"sha256": hashlib.sha256(sealed).hexdigest()}).encode()
            return Case((name,), {name: sealed, "w.json": digest}, call=weigh)


ATTACKS = (
    b"cos\nsystem\n(S'touch mark'\ntR.", b"\x80\x02cposix\nsystem\nX\x0a\0\0\0touch mark\x85R.",
    b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0atouch mark\x85R.",
    b"\x80\x02c__builtin__\neval\nX\x12\0\0\0open('mark','w') #\x85R.",
    b"\x80\x02cbuiltins\nopen\nX\x04\0\0\0markX\x01\0\0\0w\x86R.", b"(S'touch mark'\nios\nsystem\n.",
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncos\nsystem\nX\x0a\0\0\0touch mark\x85R\x85R.",
)  # fmt: skip


@st.composite
def opcodes(draw: Any) -> bytes:
    """A program for the stack machine, of its own words in any order."""
    words = st.sampled_from((
        b"(", b")", b"]", b"}", b"N", b"K\1", b"\x88", b"R", b"b", b"Q", b"\x81", b"\x85", b"\x86", b"\x87",
        b"q\0", b"h\0", b"t", b"u", b"s", b"a", b"e", b"0", b"1", b"2", b"X\1\0\0\0a",
        b"ccollections\nOrderedDict\n", b"ctorch\nFloatStorage\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n", b"cos\nsystem\n", b"X\x0a\0\0\0touch mark", b"X\7\0\0\0storage",
        b"\x8a\x08" + b"\xff" * 8,
        b"cnumpy\ndtype\n", b"\x8f", b"\x90", b"\x91", b"\x94", b"\x93", b"S'touch mark'\n", b"ios\nsystem\n",
    ))  # fmt: skip
    return b"\x80\x02" + b"".join(draw(st.lists(words, max_size=25))) + b"."


def zipped(program: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("net/data.pkl", program)
        archive.writestr("net/data/0", b"\0" * 16)
    return stream.getvalue()


@st.composite
def torch_files(draw: Any) -> Case:
    """A .pth file: broken, or a program that would create the file `mark`."""
    program = st.sampled_from(ATTACKS) | opcodes()
    head = draw(st.sampled_from((b"", good.checkpoints()["legacy"][:40])))
    data = draw(
        hurt(good.checkpoints()) | hurt(good.checkpoints()) | program.map(zipped) | program.map(lambda p: head + p)
    )
    special = {"net.pth": draw(st.sampled_from(SPECIAL))} if seldom(draw) else {}
    files = {"net.pth": data, "tiny.py": good.CONFIG.encode()}
    return Case(("convert", "net.pth", "--config", "tiny.py", "--out", "out"), files, special, never=True)


SHOW = ("data", "show", "tfds:mine", "--data-dir", "sets")


@st.composite
def datasets(draw: Any) -> Case:
    """A prepared TFDS dataset with a file that was changed, or is something else."""
    folder = good.dataset()
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    name = draw(st.sampled_from(names))
    if seldom(draw):
        return Case(SHOW, {}, {name: draw(st.sampled_from(SPECIAL))}, base=folder)
    data = (folder / name).read_bytes()
    if name.endswith(".json") and draw(st.booleans()):
        changed = json.dumps(draw(edited(json.loads(data)) | plain())).encode()
    else:
        changed = draw(broken(data))
    return Case(SHOW, {name: changed}, base=folder)
