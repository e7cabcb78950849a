"""What each choice in our restorer is worth: the same photographs, the same seconds of training, one thing changed.

    dgan compare design_study --train-data FOLDER --data "thin holes=IMAGES" --data "thick holes=IMAGES" \\
        --data "x4=IMAGES" --data "noise 25=IMAGES" -o out/

Without folders it trains on the photographs that come with scikit-image and measures on those held out. Each variant is
`dgan_photos` with twenty minutes of training, compilation apart: ten for the answer of least error and ten for what is
drawn on top of it. Variants that differ in the latter alone share an estimator, which is trained once. `latent` is
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
CLASSICAL = ("nearest", "biharmonic", "coherent", "upscale_bicubic", "total_variation", "nonlocal_means", "bm3d")

WHOLLY: dict[str, Mapping[str, Any]] = {
    "default": {},
    "pixels": {"system.space": "pixel"},
    "no fill": {"system.residual": False},
    "wavelet, 1 level": {"system.wavelet_levels": 1},
}
"""One change each from `dgan_photos`, of all networks."""

DRAWN: dict[str, Mapping[str, Any]] = {
    "1 step": {"system.steps": 1, "system.restore_steps": 1},
    "2 steps": {"system.steps": 2, "system.restore_steps": 2},
    "renoised pair": {"system.pair": "renoised"},
    "residual shift": {"system.process": "residual_shift"},
    "no critic": {"system.adversarial": 0.0},
    "no texture": {"system.texture": 0.0},
    "stage 2": {"system.refine_share": 0.3},
}
"""One change each, on the estimator of the default."""

WHOLE = ("psnr_rgb", "ssim_rgb_gauss", "swd_rgb")


def entries() -> list[Entry]:
    """Of each whole network two rows, the answer of least error and a sample; of each way to draw, a sample.

    The default's chain of four steps is also restored with in one and in two.
    """

    def entry(name: str, overrides: Mapping[str, Any], share: float, **more: Any) -> Entry:
        common = {"system.estimate_share": share, "system.refine_share": 0.0, "system.restore_steps": 4}
        return Entry(name=name, config="dgan_photos", overrides={**common, **overrides}, seconds=HALF, **more)

    least = [
        entry(f"{name}, least error", overrides, 1.0, choices={"realism": 0.0}) for name, overrides in WHOLLY.items()
    ]
    drawn = [entry(name, overrides, 0.0, after=f"{name}, least error") for name, overrides in WHOLLY.items()]
    fewer = [
        entry(f"default in {steps}", {}, 0.0, after=least[0].name, folder="default", choices={"restore_steps": steps})
        for steps in (1, 2)
    ]
    return least + drawn + fewer + [entry(name, changed, 0.0, after=least[0].name) for name, changed in DRAWN.items()]


def trial(name: str, task: Task, metrics: tuple[str, ...] = WHOLE) -> Trial:
    data = Data(name="bundled", size=128, batch=4, validation=0.0)
    return Trial(name=name, task=task, data=data, split="test", limit=20, metrics=metrics)


def get_compare() -> Compare:
    hole = lambda kind: Inpaint(hole=kind, fill="coherent")
    inside = ("psnr_hole", "ssim_hole", "swd_rgb", "diversity")
    latent = {"task.hole": "crops", "task.fill": "coherent"}
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
