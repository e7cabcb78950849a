"""What is ordered: configs, their options, and words on the command line."""

import dataclasses
from typing import Any

from hypothesis import strategies as st

from . import good
from .damage import NASTY, NUMBERS, broken
from .good import BLOCKED, RESTORE
from .judge import Case


@st.composite
def configs(draw: Any) -> Case:
    """A config file: a program, broken or strange. Nothing is trained, as the folder of the run cannot be made."""
    text = good.CONFIG
    match draw(st.integers(0, 3)):
        case 0:
            data = draw(broken(text.encode()))
        case 1:
            old = draw(
                st.sampled_from(("8", "4", "True", "1.0", '"box"', '"photos.npz"', "(1, 2)", "()", "system", "Data"))
            )
            new = draw(st.sampled_from(("0", "-1", "None", "'x'", "1e400", "10**30", "{}", "[]", "()", "float('nan')")))
            data = text.replace(old, new).encode()
        case 2:
            ends = ("1 / 0", "raise KeyError('x')", "import nothing_here", "raise SystemExit(3)", "[][1]", "def", "\0")
            data = (draw(st.sampled_from(ends)) + "\n" + text).encode()
        case _:
            bodies = (
                "",
                "get_config = 3",
                "def get_config(): return 3",
                "def get_config(x): return x",
                "get_config = None",
            )
            data = draw(st.sampled_from(bodies)).encode()
    name = draw(st.sampled_from(("tiny.py", "tiny.py", "tiny.py", "a b.py", "ü.py")))
    files = {name: data, "photos.npz": good.arrays()["plain.npz"], **BLOCKED}
    return Case(("train", name, "--out", "file/run"), files, loads="cannot write to file/run")


def fields(config: Any, prefix: str = "") -> list[str]:
    """The options of an experiment: data.size, train.steps, ..."""
    found = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        inner = fields(value, f"{prefix}{field.name}.") if dataclasses.is_dataclass(value) else [prefix + field.name]
        found += [name.replace("_", "-") for name in inner]
    return found


@st.composite
def overrides(draw: Any) -> Case:
    """Options of a config, with values that they do not expect."""
    space: dict[str, Any] = {}
    exec(good.CONFIG, space)
    command = ["train", "tiny.py", "--out", "file/run"]
    odd = st.sampled_from(NUMBERS) | st.sampled_from(NUMBERS) | st.sampled_from(NASTY) | st.text(max_size=9)
    for _ in range(draw(st.integers(1, 3))):
        command += ["--" + draw(st.sampled_from(fields(space["get_config"]()))), draw(odd)]
    files = {"tiny.py": good.CONFIG.encode(), "photos.npz": good.arrays()["plain.npz"], **BLOCKED}
    return Case(tuple(command), files, loads="cannot write to file/run")


OPTIONS = {
    RESTORE: (
        "--hole", "--system", "--run", "--samples", "--seed", "--tile", "--polarity", "--sigma", "--quality",
        "--kernel", "--level", "--megapixels", "--out", "--grow", "--feather", "--scale", "--overlay",
    ),
    ("evaluate", "nearest", "--data", "photos.npz", "--size", "8", "--limit", "2", "--out", "out"): (
        "--data", "--split", "--task", "--hole", "--size", "--limit", "--batch", "--metrics", "--seed", "--crop",
        "--samples", "--fill",
    ),
    ("data", "show", "photos.npz"): ("--split", "--data-dir"), ("doctor", "run"): (), ("systems",): ("--task",),
    ("sample", "run"): ("--count", "--seed", "--label", "--out"), ("bench", "nowhere"): ("--batch", "--repeats"),
    ("convert", "net.pth", "--config", "tiny.py"): ("--config", "--out"),
    ("data", "prepare", "nowhere", "--name", "x"): ("--name", "--data-dir", "--validation", "--labels"),
    ("train", "nowhere"): ("--out",), (): ("--help", "--version"),
}  # fmt: skip


HOLES = (
    "alpha", "box:1,1,4,4", "box:", "box:1,2,3", "box:-9,-9,10,10", "box:0,0,99999999999999999999,1", "box:1,1,2,2+",
    "box:a,b,c,d", "colour:#000000", "color:fff", "colour:#gggggg", "colour:#00ff00~256", "colour:#808080~255",
    "colour:~", "colour:#12\u0663456",
)  # fmt: skip


@st.composite
def commands(draw: Any) -> Case:
    """Words after `dgan`."""
    verb = draw(st.sampled_from(list(OPTIONS)))
    command, options = list(verb), [*OPTIONS[verb], "--help", "--nonsense"]
    # What would rightly write outside of the folder, or take long, is left out.
    odd = st.sampled_from(NUMBERS) | st.sampled_from(NASTY) | st.text(max_size=9)
    odd = odd.filter(lambda word: not word.startswith(("/", "~", "..")) and word not in ("quickstart", "app"))
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(command)))
        match draw(st.integers(0, 9)):
            case 0 if command:
                del command[place - 1]
            case 1 if command and place > 1:
                command[place - 1] = draw(odd)
            case 2:
                command.insert(place, draw(odd))
            case _:
                option = draw(st.sampled_from(options))
                command += [option, draw(st.sampled_from(HOLES) | odd if option == "--hole" else odd)]
    files = {"photo.png": good.photo(), "hole.png": good.hole(), "photos.npz": good.arrays()["plain.npz"]}
    files |= {"tiny.py": good.CONFIG.encode(), "net.pth": good.checkpoints()["zip"]}
    return Case(tuple(command), files)
