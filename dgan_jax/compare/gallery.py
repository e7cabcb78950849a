"""Photographs before and after, each with the command that restored it and the seconds it took: `dgan gallery`.

The commands are run as a user runs them, in a process of their own, twice: the second call finds the compiled programs
on the disk, as all later ones do, and is the one that is timed.
"""

import contextlib
import dataclasses
import datetime
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw

from dgan_jax import tasks
from dgan_jax.compare.trial import with_options
from dgan_jax.core.files import write_atomically
from dgan_jax.core.machine import hardware
from dgan_jax.core.names import lookup
from dgan_jax.data.folder import bundled
from dgan_jax.data.images import read_image, write_image
from dgan_jax.data.pictures import write_grid
from dgan_jax.metrics import psnr
from dgan_jax.restore.several import overlay, small
from dgan_jax.tasks import holes
from dgan_jax.tasks.levels import bytes_of
from dgan_jax.train.configs import fill

PICTURES = "images/gallery"
"""Where pictures lie, from the page."""
QUALITY = 82
GREY = 128
DONE = "done.json"
"""In the folder of an example: what it took."""
SIDE = 160
"""Smaller pictures are enlarged by whole pixels to about this."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    """A photograph, what is done to it, and what one sees of it afterwards."""

    name: str
    """Of its picture."""
    photo: str
    """One of scikit-image's photographs by name, or a file, from where the list is."""
    says: str
    crop: tuple[int, int, int, int] | None = None
    """X, Y, width, height; the whole photograph if it is not given."""
    hole: tuple[str, ...] = ()
    """What is missing: box:X,Y,W,H, ellipse:X,Y,RX,RY (of its middle), line:X,Y,X,Y,WIDTH, or samplers of holes by
    name."""
    set: tuple[str, ...] = ()
    """Options of the task that damages, NAME=VALUE."""
    options: str | None = None
    """Options of the command, instead of the section's."""
    truth: bool = True
    """Whether the undamaged photograph is what is wanted: not where something is taken away on purpose."""
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """Examples of one task and, mostly, one way of restoring."""

    title: str
    task: str
    says: str
    options: str = ""
    """Of the command."""
    examples: tuple[Example, ...] = ()


class Spent(NamedTuple):
    """What a command took, in seconds, and the day on which it ran."""

    seconds: float
    processor: float
    day: str


class Restored(NamedTuple):
    """One example, done."""

    damaged: np.ndarray
    result: np.ndarray
    original: np.ndarray
    hole: np.ndarray | None
    command: str
    spent: Spent


def read(path: Path, only: Collection[str] = ()) -> list[Section]:
    """The sections of a list; a ValueError says what is wrong with it. only: beginnings of the names that are meant."""
    try:
        plain = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a list of examples ({error}); see docs/gallery.toml") from None
    sections = [section_of(one, path) for one in plain.get("section", [])]
    names = [example.name for section in sections for example in section.examples]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{path}: two examples are called {min(twice)!r}; give each a name of its own")
    wanted = lambda name: not only or name.startswith(tuple(only))
    kept = [
        dataclasses.replace(section, examples=tuple(one for one in section.examples if wanted(one.name)))
        for section in sections
    ]
    kept = [section for section in kept if section.examples]
    if not kept:
        raise ValueError(f"{path} holds no example{' of that name' if only else ''}; it has: {', '.join(names)}")
    return kept


def section_of(plain: Mapping[str, Any], path: Path) -> Section:
    """A section as the file has it; names of photographs become files."""
    listed = lambda one: {name: tuple(value) if isinstance(value, list) else value for name, value in one.items()}
    examples = [fill(Example, listed(one), f"an example in {path}") for one in plain.get("example", [])]
    examples = [dataclasses.replace(one, photo=str(photo_of(one.photo, path.parent))) for one in examples]
    own = {name: value for name, value in plain.items() if name != "example"}
    section = fill(Section, {**own, "examples": tuple(examples)}, f"a section in {path}")
    tasks.find(section.task)
    return section


def photo_of(name: str, folder: Path) -> Path:
    """A file from the folder of the list, or one of the photographs that come with scikit-image."""
    if (folder / name).is_file():
        return folder / name
    known = {path.stem: path for path in bundled()}
    return lookup("photograph", name, known)


def write(
    sections: Sequence[Section], out: Path, inputs: str | None, *, each: Callable[[int], None] = lambda done: None
) -> Path:
    """Restore all examples, write their pictures and the page; its place. `each` is told how many are done."""
    lines, days, done = [INTRODUCTION], set[str](), 0
    with folder_for(inputs) as work:
        for section in sections:
            lines += [f"## {section.title}", "", section.says, ""]
            for example in section.examples:
                restored = restore(section, example, work)
                picture(out / PICTURES / f"{example.name}.jpg", restored, truth=example.truth)
                lines += told(section, example, restored)
                days.add(restored.spent.day)
                done += 1
                each(done)
    page = out / "gallery.md"
    write_atomically(page, "\n".join([*lines, *ending(days)]).encode())
    return page


@contextlib.contextmanager
def folder_for(inputs: str | None) -> Iterator[Path]:
    """The folder that is named, or one that goes."""
    if inputs is not None:
        Path(inputs).mkdir(parents=True, exist_ok=True)
        yield Path(inputs)
        return
    with tempfile.TemporaryDirectory(prefix="dgan_gallery_") as place:
        yield Path(place)


def restore(section: Section, example: Example, work: Path) -> Restored:
    """Damage a photograph and run the command on it. Files lie in a folder of the example's name."""
    folder = work / example.name
    folder.mkdir(parents=True, exist_ok=True)
    original = read_image(example.photo)
    if example.crop is not None:
        x, y, width, height = example.crop
        original = np.ascontiguousarray(original[y : y + height, x : x + width])
    hole = hole_of(example, *original.shape[:2]) if section.task == "inpaint" else None
    stem, extra = Path(example.photo).stem, section.options if example.options is None else example.options
    file = f"{stem}.{'jpg' if section.task == 'jpeg' else 'png'}"
    asked = [] if hole is None else ["--hole", f"{stem}_mask.png"]
    command = ["restore", section.task, file, *asked, *shlex.split(extra), "-o", "restored/"]
    spent = earlier(folder, section, example)
    if spent is None:
        damage(section, example, original, hole, folder / file)
        run(command, folder)
        spent = Spent(*run([*command, "--again"], folder), datetime.date.today().isoformat())
    results = sorted((folder / "restored").glob(f"{stem}.*"))
    if len(results) != 1:
        raise ValueError(f"{folder}/restored should hold one result of {file}, and holds {len(results)}")
    found = {"of": described(section, example), **spent._asdict()}
    write_atomically(folder / DONE, json.dumps(found, indent=2).encode())
    return Restored(
        read_image(folder / file), read_image(results[0]), original, hole, shlex.join(["dgan", *command]), spent
    )


def damage(section: Section, example: Example, original: np.ndarray, hole: np.ndarray | None, file: Path) -> None:
    """Write what the command takes: the damaged photograph, and the mask of a hole."""
    options = dict(one.split("=", 1) for one in example.set)
    if hole is not None:
        write_image(file.with_name(f"{file.stem}_mask.png"), np.uint8(255) * hole)
        # What is to come back is not in the file; what is to be taken away is.
        write_image(file, np.where(hole, np.uint8(GREY), original) if example.truth else original)
    elif section.task == "jpeg":
        write_image(file, original, quality=int(options.get("quality", QUALITY)))
    else:
        task = with_options(tasks.find(section.task)(), example.set)
        clean = {"image": jnp.asarray(original, jnp.float32) / 127.5 - 1}
        write_image(file, bytes_of(np.asarray(task.damage(jax.random.key(example.seed), clean)["image"])))


def described(section: Section, example: Example) -> str:
    """All that a result depends on, but for this package."""
    kept = {**dataclasses.asdict(example), "photo": Path(example.photo).name, "says": ""}
    return repr((section.task, section.options, sorted(kept.items())))


def earlier(folder: Path, section: Section, example: Example) -> Spent | None:
    """What an earlier call took, if it did the same example; None if it is to be done."""
    try:
        held = json.loads((folder / DONE).read_text("utf-8"))
        return Spent(*(held[name] for name in Spent._fields)) if held["of"] == described(section, example) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def run(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Seconds, and seconds of processor time, that `dgan` took with these arguments; a ValueError if it failed."""
    package = str(Path(__file__).parents[2])
    paths = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    before, clock = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "dgan_jax", *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds, after = time.perf_counter() - clock, os.times()
    if done.returncode:
        raise ValueError(f"dgan {shlex.join(arguments)} failed in {folder}: {done.stderr.strip()}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, spent


def hole_of(example: Example, height: int, width: int) -> np.ndarray:
    """[H, W, 1] of bool: all that is missing."""
    picture = Image.new("L", (width, height))
    pen = ImageDraw.Draw(picture)
    missing = np.zeros((height, width, 1), bool)
    for number, text in enumerate(example.hole):
        kind, mark, rest = text.partition(":")
        if not mark:
            key = jax.random.fold_in(jax.random.key(example.seed), number)
            missing |= np.asarray(holes.named(kind)(key, height, width)) > 0
            continue
        drawing = lookup("shape of a hole", kind, SHAPES)
        drawing(pen, [float(value) for value in rest.split(",")])
    missing |= np.asarray(picture)[..., None] > 0
    if not missing.any():
        raise ValueError(f'the example {example.name!r} has no hole; give hole = ["box:X,Y,W,H"]')
    return missing


def _box(pen: ImageDraw.ImageDraw, place: Sequence[float]) -> None:
    x, y, width, height = place
    pen.rectangle((x, y, x + width - 1, y + height - 1), fill=255)


def _ellipse(pen: ImageDraw.ImageDraw, place: Sequence[float]) -> None:
    x, y, across, down = place
    pen.ellipse((x - across, y - down, x + across, y + down), fill=255)


def _line(pen: ImageDraw.ImageDraw, place: Sequence[float]) -> None:
    *ends, width = place
    pen.line(ends, fill=255, width=round(width))


SHAPES: dict[str, Callable[[ImageDraw.ImageDraw, Sequence[float]], None]] = {
    "box": _box,
    "ellipse": _ellipse,
    "line": _line,
}


def picture(path: Path, restored: Restored, *, truth: bool) -> None:
    """What was given, what came out, and what was wanted, side by side."""
    before, after = restored.damaged, restored.result
    if restored.hole is not None:
        before = overlay(before, restored.hole)
    factor = after.shape[0] // before.shape[0]
    before = before.repeat(factor, axis=0).repeat(factor, axis=1)
    row = [small(before), small(after)]
    captions = ["before", "after"]
    if truth:
        row, captions = [*row, small(restored.original)], [*captions, "the original"]
    write_grid(path, [row], captions, side=SIDE, quality=QUALITY)


def decibels(image: np.ndarray, original: np.ndarray, hole: np.ndarray | None) -> float:
    """PSNR of 8-bit pictures, in the hole if there is one."""
    ours, theirs = (jnp.asarray(each, jnp.float32)[None] / 255 for each in (image, original))
    if hole is None:
        return float(psnr.psnr(ours, theirs)[0])
    return float(psnr.psnr_hole(ours, theirs, jnp.asarray(hole, jnp.float32)[None])[0])


def told(section: Section, example: Example, restored: Restored) -> list[str]:
    """An example in Markdown."""
    figure = ""
    if example.truth:
        where = "" if restored.hole is None else " in the hole"
        figure = f" PSNR{where} {decibels(restored.result, restored.original, restored.hole):.1f} dB"
        if restored.hole is None and restored.damaged.shape == restored.original.shape:
            figure += f", before {decibels(restored.damaged, restored.original, None):.1f} dB"
        figure += "."
    height, width = restored.damaged.shape[:2]
    cost = (
        f"{width}x{height} pixels, {restored.spent.seconds:.1f} s ({restored.spent.processor:.1f} s of processor time)"
    )
    return [
        f"![{section.task}, {Path(example.photo).stem}: before and after]({PICTURES}/{example.name}.jpg)",
        "",
        f"{example.says}{figure}",
        "",
        "```",
        f"{restored.command}    # {cost}",
        "```",
        "",
    ]


INTRODUCTION = """# Gallery

Photographs before and after, each with the command that restored it; what does not come out well is here, too. No
result was chosen among several: each command ran with its first seed. Holes are shown in red.
"""
ENDING = """## How this page is made

`dgan gallery docs/gallery.toml -o docs` damages the photographs as [gallery.toml](gallery.toml) says, runs the
commands, and writes the page; with `--inputs FOLDER` what the commands take and give stays there, and what is done is
not done again. The photographs come with scikit-image and are in the public domain or CC0.

Seconds are those of the whole command, start included, called a second time, so that compiled programs are read from
the disk; the first call for a size compiles, which takes longer. The machine was busy with other work, so that seconds
of processor time say more. """


def ending(days: Collection[str]) -> list[str]:
    """How the page came about."""
    about = hardware()
    return [f"{ENDING}{' and '.join(sorted(days))}, {about['cores']} cores of {about['device']}.", ""]
