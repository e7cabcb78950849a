"""Folders of runs and their checkpoints."""

import json
from typing import Any

from hypothesis import strategies as st

from . import good
from .damage import broken, edited, plain
from .judge import Case

USE = ("restore", "inpaint", "photo.png", "--hole", "wrong.png", "--run", "run", "-o", "out")
LOADED = "the hole is 5x5 pixels"


@st.composite
def run_configs(draw: Any) -> Case:
    """A run whose config.json was changed."""
    text = (good.run() / "run" / "config.json").read_bytes()
    whole = json.loads(text)
    edits = (
        edited(whole)
        | edited(whole)
        | st.sampled_from(sorted(whole)).flatmap(
            lambda part: edited(whole[part]).map(lambda changed: {**whole, part: changed})
        )
    )
    data = draw(
        broken(text)
        | edits.map(lambda changed: json.dumps(changed).encode())
        | plain().map(lambda x: json.dumps(x).encode())
    )
    return Case(USE, {"run/config.json": data}, base=good.run(), loads=LOADED)


@st.composite
def run_files(draw: Any) -> Case:
    """A run with a log, a note on data or a whole folder in disorder."""
    match draw(st.integers(0, 3)):
        case 0:
            name = draw(st.sampled_from(("config.json", "data.json", "log.jsonl", "checkpoints")))
            special = (
                {f"run/{name}": draw(st.sampled_from(("nowhere", "/dev/null", name)))} if name != "checkpoints" else {}
            )
            return Case(draw(st.sampled_from((("doctor", "run"), USE))), {}, special, base=good.run(), loads=LOADED)
        case 1:
            row = {
                name: draw(plain())
                for name in draw(st.lists(st.sampled_from(("step", "critic/gap", "event", "diversity"))))
            }
            rows = [{"step": 1}, row, draw(plain())]
            data = "".join(json.dumps(one) + "\n" for one in rows).encode()
        case _:
            data = draw(broken((good.run() / "run" / "log.jsonl").read_bytes()))
    files = {"run/log.jsonl": data}
    if draw(st.booleans()):
        files["run/data.json"] = json.dumps(draw(plain())).encode()
    return Case(("doctor", "run"), files, base=good.run())


@st.composite
def run_checkpoints(draw: Any) -> Case:
    """A checkpoint with changed bytes: it must not be used."""
    folder = good.run() / "run" / "checkpoints" / "0"
    names = sorted(path.relative_to(good.run()).as_posix() for path in folder.rglob("*") if path.is_file())
    name = draw(st.sampled_from(names))
    data = (good.run() / name).read_bytes()
    changed = draw(broken(data).filter(lambda other: other != data))
    if name.endswith("MANIFEST.json"):
        # The same record in other words says the same.
        try:
            same = json.loads(changed) == json.loads(data)
        except (ValueError, RecursionError):
            same = False
        return Case(USE, {name: changed}, base=good.run(), loads=LOADED, never=not same)
    return Case(USE, {name: changed}, base=good.run(), loads=LOADED, never=True)
