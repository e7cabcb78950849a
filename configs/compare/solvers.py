"""Restoring with what has learnt images alone: solvers on a DDPM and on a DDGAN, beside trained restorers.

    dgan compare solvers --train-data FOLDER --data "thick holes=IMAGES" --data "x4=IMAGES" --data "noise 25=IMAGES" \\
        -o out/

Without folders it trains on the photographs that come with scikit-image and measures on those held out; pieces of
64x64. Two small priors are trained, which nothing here tells of damage; the restorer that comes with the package has
learnt all three. Of CIFAR-10: see steps. Not yet measured.
"""

from typing import Any

from dgan_jax.compare.config import Compare, Entry
from dgan_jax.compare.trial import Trial
from dgan_jax.core.experiment import Data
from dgan_jax.core.parts import Task
from dgan_jax.tasks.denoise import Denoise
from dgan_jax.tasks.inpaint import Inpaint
from dgan_jax.tasks.superres import SuperResolution

SECONDS = 300.0
# On a CPU a small batch costs in proportion: few images give several times the steps.
PIECES: dict[str, Any] = {"data.name": "bundled", "data.size": 64, "data.crop": "random", "data.batch": 4}
PRIORS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddpm": ("ddpm_small", {**PIECES, "system.attention": (16,)}),
    "ddgan": ("ddgan_cifar10_small", PIECES),
}
SOLVERS: dict[str, dict[str, dict[str, Any]]] = {
    "ddpm": {
        "ddrm 20": {"system": "ddrm"},
        "ddnm 100": {"system": "ddnm"},
        "replacement 100": {"system": "replacement", "steps": 100},
        "repaint 241": {"system": "repaint", "steps": 25, "jump": 1},
    },
    "ddgan": {
        "ddrm 4": {"system": "ddrm"},
        "ddnm 4": {"system": "ddnm"},
        "replacement 4": {"system": "replacement"},
        "repaint 31": {"system": "repaint"},
    },
}
"""By the prior; the number is of network calls."""
CLASSICAL = ("coherent", "biharmonic", "completion", "upscale_bicubic", "nonlocal_means", "bm3d")


def entries() -> list[Entry]:
    solved = [
        Entry(name=f"{prior}, {name}", folder=prior, config=config, overrides=changes, seconds=SECONDS, choices=how)
        for prior, (config, changes) in PRIORS.items()
        for name, how in SOLVERS[prior].items()
    ]
    restorer = [
        Entry(name=f"dgan_photos, {answer}", run="dgan_photos", choices={"realism": realism})
        for answer, realism in (("least error", 0.0), ("sample", 1.0))
    ]
    return [*solved, *restorer, *(Entry(name=name, system=name) for name in CLASSICAL)]


def get_compare() -> Compare:
    def trial(name: str, task: Task, metrics: tuple[str, ...]) -> Trial:
        data = Data(name="bundled", size=64, batch=8, validation=0.0)
        return Trial(name=name, task=task, data=data, split="test", limit=24, metrics=metrics)

    return Compare(
        title="Solvers: restoring with what has learnt images alone",
        entries=tuple(entries()),
        trials=(
            trial("thick holes", Inpaint(hole="thick", fill="coherent"), ("psnr_hole", "ssim_hole", "swd_rgb")),
            trial("x4", SuperResolution(scale=4), ("psnr_y_crop4", "ssim_y_crop4", "swd_rgb")),
            trial("noise 25", Denoise(sigma=(25.0, 25.0)), ("psnr_rgb", "ssim_rgb_gauss", "swd_rgb")),
        ),
        shown=6,
    )
