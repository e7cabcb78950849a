"""Dark channel prior: in clear air something nearby is dark in some channel; what is bright instead is haze.

He, Sun, Tang, "Single Image Haze Removal Using Dark Channel Prior", CVPR 2009, with a guided filter (2010) in place of
matting; our function in JAX (`ops/haze.py`).
Measured here: 17.99 dB psnr_rgb on the task's haze over centre crops 256x256 of 20 BSD100 photographs.
(`dgan evaluate dark_channel --task dehaze --data FOLDER --size 256`)
"""

import dataclasses

import jax

from dgan_jax.core.parts import Measurement, Spec, System, Task
from dgan_jax.ops import haze

PAPER = "He, Sun, Tang 2009, CVPR"
TASKS = ("dehaze",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """The paper's values."""

    patch: int = 15
    """Side of the neighbourhood in pixels, odd; smaller for small images."""
    omega: float = 0.95
    """Share of the haze that is removed."""
    least: float = 0.1
    """Transmission is not believed to be below this."""

    def __post_init__(self) -> None:
        if self.patch < 1 or self.patch % 2 == 0:
            raise ValueError(f"system.patch must be an odd number of pixels, got {self.patch}")
        if not 0 < self.omega <= 1 or not 0 < self.least < 1:
            raise ValueError(f"system.omega and system.least must be in (0, 1), got {self.omega} and {self.least}")


def build(config: Config, task: Task, spec: Spec) -> System:
    del task, spec

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        del variables, keys
        unit = y["image"] / 2 + 0.5
        clear = haze.dark_channel_prior(unit, patch=config.patch, omega=config.omega, least=config.least)
        return 2 * clear - 1

    return System(restore=restore)
