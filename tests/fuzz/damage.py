"""Ways to break a file byte by byte, and values that no option expects."""

import copy
from typing import Any

from hypothesis import strategies as st

WORDS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**62, 2**63 - 1, 2**64 - 1)
"""Numbers at whose edges sizes and offsets go wrong."""

NASTY = (
    "", " ", "0", "-1", "1", "2", "7", "0.5", "1e-320", "1e400", "nan", "inf", "-inf", "9" * 30, "-" + "9" * 30,
    "2147483648", "9223372036854775808", "None", "True", "False", "[1]", "{}", "..", "/", "~nobody", "a\x00b", "é💥",
    "a\nb", "--", "-o", "[/red]", "[bold]", "x" * 300, "%s%n", "\udcff",
)  # fmt: skip


SPECIAL = ("nowhere", "photo.png", "/dev/zero", "/dev/null", ".", "pipe", "folder", "locked", "\x01" * 200)
"""In the place of a file: links to nothing, to itself, to devices, to the folder that it lies in, to a name that is too
long; a pipe, a folder, a file that nobody may read."""


@st.composite
def broken(draw: Any, data: bytes) -> bytes:
    """`data` with one to three places changed: most often near its beginning, where headers are."""
    broken = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        reach = draw(st.sampled_from((32, 256, len(broken), len(broken))))
        place = draw(st.integers(0, max(0, min(reach, len(broken)) - 1)))
        harm(draw, broken, place)
    return bytes(broken)


def harm(draw: Any, data: bytearray, place: int) -> None:
    """Change `data` at one place."""
    match draw(st.sampled_from(("bit", "byte", "number", "cut", "drop", "insert", "repeat", "zero"))):
        case "bit" if data:
            data[place] ^= 1 << draw(st.integers(0, 7))
        case "byte" if data:
            data[place] = draw(st.integers(0, 255))
        case "number":
            width, order = draw(st.sampled_from((1, 2, 4, 8))), draw(st.sampled_from(("little", "big")))
            word = draw(st.sampled_from(WORDS)) % 256**width
            data[place : place + width] = word.to_bytes(width, order)
        case "cut":
            del data[place:]
        case "drop":
            del data[place : place + draw(st.integers(1, 64))]
        case "insert":
            data[place:place] = draw(st.binary(min_size=1, max_size=64))
        case "repeat":
            data[place:place] = data[place : place + draw(st.integers(1, 4096))]
        case "zero":
            length = draw(st.integers(1, 512))
            data[place : place + length] = bytes(len(data[place : place + length]))


def one_of(files: dict[str, bytes]) -> st.SearchStrategy[bytes]:
    return st.sampled_from(sorted(files)).map(files.__getitem__)


def hurt(files: dict[str, bytes]) -> st.SearchStrategy[bytes]:
    """One of the files, broken."""
    return one_of(files).flatmap(broken)


def seldom(draw: Any) -> bool:
    """Once in ten; not by the smallest number, which Hypothesis likes to draw."""
    return draw(st.integers(0, 9)) == 7


NUMBERS = (
    "0", "-1", "1", "3", "5", "17", "4096", "65536", "2147483648", "4294967296", "9223372036854775807", "9" * 30,
    "0.0", "-0.5", "1.5", "1e308", "1e-308", "nan", "inf",
)  # fmt: skip
"""Values of the right kind for most options, and yet not what they expect."""


def like(value: Any) -> st.SearchStrategy:
    """JSON of the same kind as a value."""
    match value:
        case bool():
            return st.just(not value)
        case int():
            return st.integers() | st.integers(-2, 20) | st.sampled_from(WORDS)
        case float():
            return st.floats() | st.floats(-1, 2)
        case str():
            return st.text(max_size=8)
        case list():
            return st.lists(like(value[0] if value else 1), max_size=4)
        case _:
            return plain()


def plain(depth: int = 2) -> st.SearchStrategy:
    """Any JSON, small."""
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS)
    grow = lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    return st.recursive(leaf, grow, max_leaves=4 * depth)


@st.composite
def edited(draw: Any, plain_data: dict) -> dict:
    """A JSON object with one to three entries, at any depth, changed, removed or added."""
    changed = copy.deepcopy(plain_data)
    for _ in range(draw(st.integers(1, 3))):
        place: Any = changed
        while True:
            inner = [key for key in place if isinstance(place[key], dict) and place[key]]
            if not inner or not draw(st.integers(0, 3)):
                break
            place = place[draw(st.sampled_from(inner))]
        if not place:
            continue
        key = draw(st.sampled_from(sorted(place)))
        match draw(st.sampled_from(("change",) * 6 + ("remove", "add"))):
            case "change":
                place[key] = draw(like(place[key]) | like(place[key]) | plain())
            case "remove":
                del place[key]
            case "add":
                place[draw(st.text(max_size=8))] = draw(plain())
    return changed
