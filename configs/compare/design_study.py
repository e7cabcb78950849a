"""What each choice in our restorer is worth: the same photographs, the same seconds of training, one thing changed.

    dgan compare design_study --train-data FOLDER --data "thin holes=IMAGES" --data "thick holes=IMAGES" \\
        --data "x4=IMAGES" --data "noise 25=IMAGES" -o out/

Without folders it trains on the photographs that come with scikit-image and measures on those held out. Twenty minutes
of training for each of twelve, compilation apart; --seconds 300 makes it an hour. Every variant is a training of
`dgan_photos`, but for `latent`, which is `lddgan_photos_inpaint` and learns holes alone. Measured: docs/design-study.md
"""

from collections.abc import Mapping
from typing import Any

from dgan_jax.compare.config import Compare, Entry
from dgan_jax.compare.trial import Trial
from dgan_jax.core.experiment import Data
from dgan_jax.core.parts import Task
from dgan_jax.tasks.denoise import Denoise
from dgan_jax.tasks.inpaint import Inpaint
from dgan_jax.tasks.superres import SuperResolution

SECONDS = 1200.0
CLASSICAL = ("biharmonic", "coherent", "upscale_bicubic", "total_variation", "nonlocal_means")

VARIANTS: dict[str, Mapping[str, Any]] = {
    "default": {},
    "pixel": {"system.space": "pixel"},
    "wavelet, 1 level": {"system.wavelet_levels": 1},
    "no fill": {"system.residual": False},
    "1 step": {"system.steps": 1, "system.restore_steps": 1},
    "2 steps": {"system.steps": 2, "system.restore_steps": 2},
    "renoised pair": {"system.pair": "renoised"},
    "residual shift": {"system.process": "residual_shift"},
    "no critic": {"system.adversarial": 0.0},
    "no stage 2": {"system.refine_share": 0.0},
    "batch of 4": {"data.batch": 4},
}
"""One change each from `dgan_photos`."""

WHOLE = ("psnr_rgb", "ssim_rgb_gauss", "swd_rgb")


def entries() -> list[Entry]:
    """Two rows of each variant, one training: the answer of least error, and a sample."""
    return [
        Entry(
            name=f"{name}, {answer}", folder=name, config="dgan_photos", overrides=overrides, seconds=SECONDS,
            choices={"realism": realism},
        )
        for name, overrides in VARIANTS.items()
        for answer, realism in (("least error", 0.0), ("sample", 1.0))
    ]  # fmt: skip


def trial(name: str, task: Task, metrics: tuple[str, ...] = WHOLE) -> Trial:
    data = Data(name="bundled", size=128, batch=4, validation=0.0)
    return Trial(name=name, task=task, data=data, split="test", limit=20, metrics=metrics)


def get_compare() -> Compare:
    hole = lambda kind: Inpaint(hole=kind, fill="coherent")
    inside = ("psnr_hole", "ssim_hole", "swd_rgb")
    latent = {"task.hole": "crops", "task.fill": "coherent", "data.size": 128, "data.batch": 4}
    return Compare(
        title="What each choice is worth",
        entries=(
            *entries(),
            Entry(name="latent", config="lddgan_photos_inpaint", overrides=latent, seconds=SECONDS),
            *(Entry(name=name, system=name) for name in CLASSICAL),
        ),
        trials=(
            trial("thin holes", hole("thin"), inside),
            trial("thick holes", hole("thick"), inside),
            trial("x4", SuperResolution(scale=4), ("psnr_y_crop4", "ssim_y_crop4", "swd_rgb")),
            trial("noise 25", Denoise(sigma=(25.0, 25.0))),
        ),
        shown=4,
    )  # fmt: skip
