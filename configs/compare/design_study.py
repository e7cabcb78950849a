"""What each choice in our restorer is worth: the same photographs, the same seconds of training, one thing changed.

    dgan compare design_study --train-data FOLDER --data "thin holes=IMAGES" --data "thick holes=IMAGES" \\
        --data "x4=IMAGES" --data "noise 25=IMAGES" -o out/

Without folders it trains on the photographs that come with scikit-image and measures on those held out. Each variant is
`dgan_photos` with twenty minutes of training, compilation apart: ten for the estimator and ten for what draws on top of
it. Variants that differ in the latter alone share one estimator, which is trained once. `latent` is
`lddgan_photos_inpaint`, which learns holes alone, in twenty minutes. Measured: docs/design-study.md
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

HALF = 600.0
CLASSICAL = ("nearest", "biharmonic", "coherent", "upscale_bicubic", "total_variation", "nonlocal_means")

ESTIMATORS: dict[str, Mapping[str, Any]] = {
    "pixels": {"system.space": "pixel"},
    "no fill": {"system.residual": False},
    "wavelet, 1 level": {"system.wavelet_levels": 1},
}
"""One change each from `dgan_photos` that the estimator sees, too."""

DRAWN: dict[str, Mapping[str, Any]] = {
    "default": {},
    "1 step": {"system.steps": 1, "system.restore_steps": 1},
    "2 steps": {"system.steps": 2, "system.restore_steps": 2},
    "renoised pair": {"system.pair": "renoised"},
    "residual shift": {"system.process": "residual_shift"},
    "no critic": {"system.adversarial": 0.0},
    "no texture": {"system.texture": 0.0},
    "stage 2": {"system.refine_share": 0.3},
}
"""One change each that it does not see."""

WHOLE = ("psnr_rgb", "ssim_rgb_gauss", "swd_rgb")


def entries() -> list[Entry]:
    """Two rows of each estimator, the answer of least error and a sample; one of what begins with the shared one."""
    no_second = {"system.refine_share": 0.0}
    half = {"system.estimate_share": 0.5, **no_second}
    alone, drawn = {"system.estimate_share": 1.0, **no_second}, {"system.estimate_share": 0.0, **no_second}
    answers = (("least error", 0.0), ("sample", 1.0))

    def entry(name: str, overrides: Mapping[str, Any], seconds: float, **more: Any) -> Entry:
        return Entry(name=name, config="dgan_photos", overrides=overrides, seconds=seconds, **more)

    return [
        entry("default, least error", alone, HALF, folder="estimator", choices={"realism": 0.0}),
        *(entry(name, {**drawn, **overrides}, HALF, after="estimator") for name, overrides in DRAWN.items()),
        *(
            entry(
                f"{name}, {answer}", {**half, **overrides}, 2 * HALF, folder=name, choices={"realism": realism}
            )
            for name, overrides in ESTIMATORS.items()
            for answer, realism in answers
        ),
    ]  # fmt: skip


def trial(name: str, task: Task, metrics: tuple[str, ...] = WHOLE) -> Trial:
    data = Data(name="bundled", size=128, batch=4, validation=0.0)
    return Trial(name=name, task=task, data=data, split="test", limit=20, metrics=metrics)


def get_compare() -> Compare:
    hole = lambda kind: Inpaint(hole=kind, fill="coherent")
    inside = ("psnr_hole", "ssim_hole", "swd_rgb", "diversity")
    latent = {"task.hole": "crops", "task.fill": "coherent", "data.size": 128, "data.batch": 4}
    return Compare(
        title="What each choice is worth",
        entries=(
            *entries(),
            Entry(name="latent", config="lddgan_photos_inpaint", overrides=latent, seconds=2 * HALF),
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
