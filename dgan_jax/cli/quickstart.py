"""Train a small diffusion-GAN on bundled photographs and restore others with it."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """A few minutes on a CPU, no network: trains an inpainting diffusion-GAN on photographs that come with
    scikit-image, restores holes in photographs that it has never seen, and compares it with classical methods. Run it
    again to see the result again."""

    out: Annotated[str, tyro.conf.arg(aliases=["-o"])] = "quickstart"
    """Output folder: quickstart.png, metrics.json, images.csv, and the run itself."""
    steps: int | None = None
    """Training steps; default: the config's."""
    size: int = 128
    """Side of the test images, cut from the held-out photographs."""
    limit: int = 24
    """Test images at most."""


CLASSICAL = ("biharmonic", "telea", "navier_stokes", "bilinear", "nearest")
LEAST, SAMPLE, OTHER = "ours, least error", "ours, a sample", "ours, another sample"


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan quickstart")
    from dgan_jax import api
    from dgan_jax.cli.screen import console, counting, table, training

    folder = Path(options.out)
    experiment = api.load_config("dgan_quickstart")
    if options.steps is not None:
        experiment = dataclasses.replace(experiment, train=dataclasses.replace(experiment.train, steps=options.steps))
    console.print("1/2  training on the bundled photographs (a small network; bigger ones: dgan train)")
    with training() as observe:
        api.train(experiment, folder / "run", observe=observe)
    console.print("2/2  restoring photographs that the network has never seen")
    run = str(folder / "run")
    with counting("restoring", None) as count:
        report = api.evaluate(
            [f"{run}@realism=0", f"{run}@realism=1", *CLASSICAL],
            size=options.size,
            crop="tiles",
            limit=options.limit,
            fill=True,
            samples=2,
            keep=6,
            each=count,
        )
    # The answer of least error is the same for every seed.
    report = report.without(["run@realism=0, seed 2"])
    report = report.renamed({"run@realism=0": LEAST, "run@realism=1": SAMPLE, "run@realism=1, seed 2": OTHER})
    table(report.title, ["system", *report.metrics, "ms per image"], report.table())
    for sentence in report.sentences(LEAST, others=(*CLASSICAL, "cheap fill")):
        console.print(sentence)
    report.write(folder)
    best = report.best(CLASSICAL, "psnr_hole")
    report.picture(
        folder / "quickstart.png",
        only={
            "original": "original", "damaged": "damaged", best: f"best classical:\n{best}",
            LEAST: "ours,\nleast error", SAMPLE: "ours,\na sample", OTHER: "ours,\nanother sample",
        },
    )  # fmt: skip
    console.print(f"written: {folder}/quickstart.png, metrics.json, images.csv; the run is {folder}/run")
    console.print(f"next: dgan restore inpaint PHOTO --hole MASK --run {folder}/run -o restored/")
    return 0
