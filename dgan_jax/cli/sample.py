"""See what a run makes: images from nothing, or what it restores of those that it held out: dgan sample RUN"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Options:
    """Draw images from a run whose task is generation; of any other run, restore images that its training held out,
    beside the original, the damage and the first estimate."""

    run: tyro.conf.Positional[str]
    """Folder of a training run."""
    count: int = 16
    seed: int = 0
    label: int | None = None
    """Class to draw, for a conditional run; all in turn otherwise."""
    system: str | None = None
    """Draw with a solver on what the run has learnt, for example ddim."""
    choose: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """What the system leaves to choose, as NAME=VALUE, as often as needed: --choose steps=50."""
    out: Annotated[str, tyro.conf.arg(aliases=["-o"])] = "samples"
    """Output folder: grid.png and one PNG per image."""


def columns_of(options: Options, choices: dict[str, Any]) -> "dict[str, list[np.ndarray]]":
    """Columns of images; of a generator one without a name."""
    from dgan_jax import api, tasks
    from dgan_jax.core.targets import target
    from dgan_jax.train.runs import experiment_of

    if tasks.name_of(experiment_of(target(options.run).place).task) == "generate":
        images = api.sample(options.run, options.count, seed=options.seed, label=options.label, choices=choices)
        return {"": list(images)}
    if options.label is not None:
        raise ValueError("--label is for runs that draw images of classes; this one restores")
    return api.held_out(options.run, options.count, seed=options.seed, choices=choices)


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan sample")
    from dgan_jax.cli.screen import console
    from dgan_jax.core.targets import chosen
    from dgan_jax.data.images import write_image
    from dgan_jax.data.pictures import write_grid

    choices = chosen(options.choose, "--choose takes NAME=VALUE")
    choices |= {} if options.system is None else {"system": options.system}
    columns = columns_of(options, choices)
    *_, images = columns.values()
    folder = Path(options.out)
    for i, image in enumerate(images):
        write_image(folder / f"{i:05d}.png", image)
    if len(columns) > 1:
        write_grid(folder / "grid.png", list(zip(*columns.values(), strict=True)), list(columns))
    else:
        across = max(1, round(len(images) ** 0.5))
        rows = [list(images[i : i + across]) for i in range(0, len(images) - across + 1, across)]
        write_grid(folder / "grid.png", rows, [""] * across, side=64)
    console.print(f"{len(images)} images and grid.png in {folder}")
    return 0
