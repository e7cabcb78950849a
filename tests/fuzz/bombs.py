"""Small files that claim to be enormous: each is tried in a process of its own, under a limit of memory and time."""

import io
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from . import good
from .judge import Verdict, contents

ADDRESSES = 12 * 2**30
"""Address space of the process; importing jax alone takes some of it."""
BYTES = 1.5 * 2**30
"""Memory that it may really touch."""
SECONDS = 60

ROOT = Path(__file__).parents[2]
RESTORE = tuple("bomb" if part == "photo.png" else part for part in good.RESTORE)


class Bomb(NamedTuple):
    """Files by name and what is called; `says` is in the refusal, or nothing if the input is accepted."""

    name: str
    files: Callable[[], dict[str, bytes]]
    command: tuple[str, ...]
    says: str

    def __str__(self) -> str:
        return f"{self.name}: {self.command}"


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, colour: int = 2, *, extra: bytes = b"", data: bytes = b"\0" * 99) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8 if colour else 1, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def zeros(length: int) -> bytes:
    """`length` zero bytes, compressed as zlib does, without holding them."""
    squeeze = zlib.compressobj(1)
    block = bytes(2**20)
    return b"".join(squeeze.compress(block) for _ in range(length >> 20)) + squeeze.flush()


def gif(screen: tuple[int, int], frame: tuple[int, int]) -> bytes:
    small = good.encoded(Image.new("P", (4, 4)), "GIF")
    place = small.index(b",")
    sized = small[:place] + b"," + struct.pack("<4H", 0, 0, *frame) + small[place + 9 :]
    return sized[:6] + struct.pack("<2H", *screen) + sized[10:]


def large(kind: str, old: bytes, new: bytes) -> bytes:
    data = good.encoded(Image.new("RGB", (0x1234, 0x0321)), kind)
    assert old in data
    return data.replace(old, new, 1)


def npy_header(shape: tuple[int, ...]) -> bytes:
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def npz(shape: tuple[int, ...], length: int) -> bytes:
    """One entry that says it has this shape, and `length` zero bytes, compressed."""
    stream = io.BytesIO()
    squeeze = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with squeeze as archive, archive.open("image.npy", "w", force_zip64=True) as entry:
        entry.write(npy_header(shape))
        for _ in range(length >> 20):
            entry.write(bytes(2**20))
    return stream.getvalue()


def tar_header(size: int, kind: bytes) -> bytes:
    entry = tarfile.TarInfo("a.png")
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT) + bytes(2048)


def wide_pth() -> bytes:
    return good.checkpoints()["zip"].replace(struct.pack("<II", 48, 48), struct.pack("<II", 2**32 - 2, 2**32 - 2))


def deep(depth: int = 10**6) -> bytes:
    return b"[" * depth + b"]" * depth


LIMIT = "more than the limit of 100 megapixels"
BLANK = b"\0" * (9999 * 1251)
"""The rows of a black PNG of 9999x9999 pixels of one bit."""


def image(name: str, make: Callable[[], bytes], says: str) -> Bomb:
    """A bomb in the place of a photograph."""
    return Bomb(name, lambda: {"bomb": make(), "hole.png": good.hole()}, RESTORE, says)


def source(name: str, file: str, make: Callable[[], bytes], says: str) -> Bomb:
    """A bomb in the place of data."""
    return Bomb(name, lambda: {file: make()}, ("data", "show", file), says)


def wide_tiff() -> bytes:
    return large("TIFF", b"\x34\x12\0\0", b"\0\0\1\0").replace(b"\x21\x03\0\0", b"\0\0\1\0", 1)


def tiny(*options: str) -> tuple[str, ...]:
    return ("train", "tiny.py", "--out", "out", *options)


BOMBS = (
    image("PNG of 10 gigapixels", lambda: png(100_000, 100_000), LIMIT),
    image("PNG of 4 exapixels", lambda: png(2**31 - 1, 2**31 - 1), LIMIT),
    image("PNG below the limit, cut off", lambda: png(9999, 9999, 6), "damaged or cut off"),
    image("PNG of few bytes and 99 megapixels", lambda: png(9999, 9999, 0, data=BLANK), "the hole is"),
    image(
        "profile that unfolds to a gigabyte", lambda: png(4, 4, extra=chunk(b"iCCP", b"a\0\0" + zeros(2**30))), "bomb"
    ),
    image("text that unfolds to a gigabyte", lambda: png(4, 4, extra=chunk(b"zTXt", b"a\0\0" + zeros(2**30))), "bomb"),
    image("GIF with a large screen", lambda: gif((65535, 65535), (4, 4)), LIMIT),
    image("GIF with a frame larger than its screen", lambda: gif((4, 4), (65535, 65535)), "bomb"),
    image("JPEG of 4 gigapixels", lambda: large("JPEG", b"\x03\x21\x12\x34", b"\xff\xdc\xff\xdc"), LIMIT),
    image("TIFF of 4 gigapixels", wide_tiff, "bomb"),
    image("BMP of 4 gigapixels", lambda: large("BMP", b"\x34\x12\0\0\x21\x03\0\0", b"\0\0\1\0" * 2), LIMIT),
    image("PPM of 10 gigapixels", lambda: b"P6 100000 100000 255\n" + bytes(99), LIMIT),
    Bomb("mask of 10 gigapixels", lambda: {"bomb": good.photo(), "hole.png": png(100_000, 100_000, 0)}, RESTORE, LIMIT),
    Bomb(
        "twelve pictures of 99 megapixels, cut into tiles",
        lambda: {f"photos/{i}.png": png(9999, 9999, 0, data=BLANK) for i in range(12)},
        ("evaluate", "nearest", "--data", "photos", "--size", "8", "--limit", "4", "--crop", "tiles"), "",
    ),
    source("npz of 2 GiB of zeros", "a.npz", lambda: npz((2**11, 2**10, 2**10, 1), 2**31), "no photographs"),
    source("npz that says 4 TiB", "a.npz", lambda: npz((2**42, 1, 1, 1), 2**20), "declares"),
    source("npz of 60 million images", "a.npz", lambda: npz((60 * 2**20, 1, 1, 1), 60 * 2**20), ""),
    source("npy that says 4 TiB", "a.npy", lambda: npy_header((2**42, 1, 1, 1)) + bytes(99), "declares"),
    source("npy of uncountable size", "a.npy", lambda: npy_header((2**62, 2**62)) + bytes(99), "declares"),
    source("tar with a member of 4 TiB", "a.tar", lambda: tar_header(2**42, b"0"), "a.tar"),
    source("tar with a name of 4 EiB", "a.tar", lambda: tar_header(2**62, b"L"), "a.tar"),
    source("tar with a header of 8 GiB", "a.tar", lambda: tar_header(2**33, b"x"), "a.tar"),
    Bomb(
        "resize to a million pixels",
        lambda: {"tiny.py": good.CONFIG.encode(), "photos.npz": good.arrays()["plain.npz"]},
        tiny("--data.resize", "1000000"), "megapixels",
    ),
    Bomb("config.json a million deep", lambda: {"run/config.json": deep()}, ("sample", "run"), "config.json"),
    Bomb("log a million deep", lambda: {"run/log.jsonl": deep()}, ("doctor", "run"), "log"),
    Bomb(
        "pth whose zip says 4 GiB", lambda: {"net.pth": wide_pth(), "tiny.py": good.CONFIG.encode()},
        ("convert", "net.pth", "--config", "tiny.py", "--out", "out"), "net.pth",
    ),
)  # fmt: skip

CHILD = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({ADDRESSES}, {ADDRESSES}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from dgan_jax.cli.main import main
from tests.fuzz.judge import resident
code = main(sys.argv[1:])
print("\\n", resident("VmHWM"), file=sys.__stdout__, flush=True)
sys.exit(code)
"""
"""Its last word is what it touched: what the system keeps for a child counts its parent too."""


def explode(bomb: Bomb) -> Verdict:
    """Try one in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="bomb") as place:
        folder = Path(place)
        for name, data in bomb.files().items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
        before, clock = contents(folder), time.monotonic()
        with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as printed:
            path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
            process = subprocess.Popen(
                [sys.executable, "-c", CHILD, *bomb.command], cwd=folder, env={**os.environ, "PYTHONPATH": path},
                stdout=printed, stderr=said,
            )  # fmt: skip
            code = waited(process)
            said.seek(0)
            printed.seek(0)
            text, words = " ".join(said.read().split()), printed.read().split()
        seconds = time.monotonic() - clock
        touched = int(words[-1]) if code in (0, 2) else 0
        fault = wrong(bomb, code, text, touched)
        if not fault and code == 2 and contents(folder) != before:
            fault = "was refused, but something was written"
    return Verdict(code == 0, seconds, touched, fault)


def waited(process: subprocess.Popen) -> int | None:
    """Exit code, None after `SECONDS`."""
    try:
        return process.wait(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def wrong(bomb: Bomb, code: int | None, text: str, touched: int) -> str:
    """What is wrong with how it ended, or nothing."""
    if code is None:
        return f"took longer than {SECONDS} s"
    if "Traceback (most recent call last)" in text or code not in (0, 2):
        return f"ended with exit code {code}: {text[-300:]}"
    if touched > BYTES:
        return f"took {touched >> 20} MiB"
    if bomb.says and (code == 0 or bomb.says not in text):
        return f"ended with exit code {code} without saying {bomb.says!r}: {text[-300:]}"
    return ""
