"""Measure a run or a classical system on held-out images."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Damage held-out images, restore them, and report figures with their intervals and their protocol."""

    targets: tyro.conf.Positional[tuple[str, ...]]
    """Folders of training runs, weights by file or name, or names of classical systems; all get the same images and the
    same damage. What a system lets one choose follows an @: runs/mine@realism=0.5, telea@radius=5."""
    data: str | None = None
    """bundled, a folder, a .npz, .npy or .tar file, or tfds:NAME; default: the run's own."""
    damaged: str | None = None
    """Of pairs (task paired): the damaged pictures that belong to --data."""
    split: str | None = None
    """train, validation or test; default: validation of the run's own data, test (all images) of other data."""
    task: str | None = None
    """Default: the run's own."""
    set_: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(name="set", metavar="NAME=VALUE")] = ()
    """An option of the task, as often as needed: --set scale=4, --set sigma=25, --set sigma=5,50."""
    hole: str | None = None
    """Hole sampler, for tasks with holes; default: the run's own."""
    size: int | None = None
    """Side of the crops; default: the run's own."""
    limit: int = 200
    """Images at most; 0 is all."""
    batch: int = 16
    metrics: tuple[str, ...] = ()
    """Default: those of the task, for inpaint psnr_hole, psnr_rgb, ssim_rgb_gauss."""
    weights: str | None = None
    """Folder of the networks that some metrics look through; default: the environment variable DGAN_WEIGHTS."""
    seed: int = 0
    crop: Literal["centre", "tiles", "none"] = "centre"
    """centre: one crop per image; tiles: all pieces of that size; none: whole images, one by one."""
    samples: int = 1
    """Restorations by each run, a row each."""
    fill: bool = False
    """Add a row for the cheap fill that the networks start from."""
    megapixels: float | None = None
    """Image files of more pixels are refused before they are decoded; raise it for files that you trust."""
    out: Annotated[str | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder for metrics.json, images.csv, picture.png and contact.png (best, median and worst images)."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan evaluate")
    from dgan_jax import api
    from dgan_jax.cli.screen import console, counting, table
    from dgan_jax.report import NOISE

    with counting("evaluating", None) as count:
        report = api.evaluate(
            options.targets, data=options.data, split=options.split, task=options.task, options=options.set_,
            hole=options.hole, size=options.size, limit=options.limit, batch=options.batch, metrics=options.metrics,
            weights=options.weights, seed=options.seed, crop=options.crop, samples=options.samples, fill=options.fill,
            megapixels=options.megapixels, damaged=options.damaged, each=count,
        )  # fmt: skip
    table(report.title, ["system", *report.metrics, "ms per image"], report.table(), left=1)
    console.print(f"* best, ≈ within noise of it; {NOISE}", style="dim")
    for note in report.notes():
        console.print(note)
    if options.out:
        folder = Path(options.out)
        report.write(folder)
        console.print(f"written: {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    return 0
