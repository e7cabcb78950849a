"""Prepare and look at data: dgan data prepare | show | holes"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from dgan_jax.data.prepare import Prepared


@dataclasses.dataclass(frozen=True)
class Prepare:
    """Build a TFDS dataset (array_record, no TensorFlow) from a folder of images; use it as tfds:NAME."""

    folder: tyro.conf.Positional[str]
    name: str
    """Name of the dataset: lower-case letters, digits and underscores."""
    data_dir: str | None = None
    """Where TFDS keeps its datasets; default: its own choice."""
    labels: bool = False
    """Sub-folders are classes."""
    validation: float = 0.05
    """Share of the images in the validation split."""


@dataclasses.dataclass(frozen=True)
class Show:
    """Say what a data source holds."""

    name: tyro.conf.Positional[str] = "bundled"
    """bundled, a folder, a .npz, .npy or .tar file, or tfds:NAME."""
    split: str = "train"
    data_dir: str | None = None


@dataclasses.dataclass(frozen=True)
class Holes:
    """Draw every hole sampler on one picture."""

    out: Annotated[str, tyro.conf.arg(aliases=["-o"])] = "holes.png"
    size: int = 128
    seed: int = 0


def prepare(options: Prepare) -> None:
    from dgan_jax.cli.screen import console
    from dgan_jax.data import prepare

    summary = prepare.prepare(
        options.folder, options.name, data_dir=options.data_dir, labels=options.labels, validation=options.validation
    )
    console.print(told(summary, options), soft_wrap=True, highlight=False, markup=False)


def told(made: "Prepared", options: Prepare) -> str:
    """What was made, what was left out, and how it is used."""
    images = lambda count: f"{count:,} image{'s' * (count != 1)}"
    aside = f", {made.validation:,} of them set aside for validation" if made.validation else ""
    kinds = f", {len(made.classes)} classes" if made.classes else ""
    lines = [f"{made.path}: {images(made.train + made.validation)}{aside}{kinds}"]
    if made.reused:
        lines[0] += "; it was there already, made of the same files"
    if made.duplicates:
        lines.append(f"{images(made.duplicates)} left out, the same bytes as another")
    if made.skipped:
        lines.append(f"{images(made.skipped)} left out, not to be read (see above)")
    elsewhere = f" --data.data_dir {options.data_dir}" if options.data_dir else ""
    return "\n".join([*lines, f"Now try: dgan train dgan_quickstart --data.name tfds:{options.name}{elsewhere}"])


def show(options: Show) -> None:
    from dgan_jax.cli.screen import console
    from dgan_jax.data.sources import open_source

    source = open_source(options.name, options.split, data_dir=options.data_dir)
    console.print(f"{options.name} ({options.split}): {len(source)} images, {source.classes or 'no'} classes")


def holes(options: Holes) -> None:
    import jax
    import numpy as np

    from dgan_jax.cli.screen import console
    from dgan_jax.data.pictures import write_grid
    from dgan_jax.tasks.holes import HOLES

    keys = jax.random.split(jax.random.key(options.seed), 4)
    columns = {}
    for name, sampler in HOLES.items():
        drawn = jax.jit(jax.vmap(lambda key, sampler=sampler: sampler(key, options.size, options.size)))(keys)
        columns[name] = (255 * np.asarray(drawn)).astype(np.uint8)
    write_grid(Path(options.out), list(zip(*columns.values(), strict=True)), list(columns), side=options.size)
    console.print(options.out)


def main(arguments: list[str]) -> int:
    options = tyro.cli(Prepare | Show | Holes, args=arguments, prog="dgan data")
    verbs: dict[type, Callable[[Any], None]] = {Prepare: prepare, Show: show, Holes: holes}
    verbs[type(options)](options)
    return 0
