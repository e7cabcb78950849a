"""Draw images from a trained generator: dgan sample RUN"""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Draw images from a run whose task is generation."""

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


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan sample")
    from dgan_jax import api
    from dgan_jax.cli.screen import console
    from dgan_jax.core.targets import chosen
    from dgan_jax.data.images import write_image
    from dgan_jax.data.pictures import write_grid

    choices = chosen(options.choose, "--choose takes NAME=VALUE")
    choices |= {} if options.system is None else {"system": options.system}
    images = api.sample(options.run, options.count, seed=options.seed, label=options.label, choices=choices)
    folder = Path(options.out)
    for i, image in enumerate(images):
        write_image(folder / f"{i:05d}.png", image)
    across = max(1, round(len(images) ** 0.5))
    rows = [list(images[i : i + across]) for i in range(0, len(images) - across + 1, across)]
    write_grid(folder / "grid.png", rows, [""] * across, side=64)
    console.print(f"{len(images)} images and grid.png in {folder}")
    return 0
