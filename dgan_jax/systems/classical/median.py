"""Median of the neighbours, channel by channel: the classic against impulses, weak on Gaussian noise.

Tukey, "Exploratory Data Analysis", 1977; SciPy's median_filter, mirrored at the border.
Measured here: mean RGB PSNR of centre crops 256x256 of 20 BSD100 photographs, 8-bit, levels told; noise of
sigma 15 / 25 / 50: 25.90 / 24.16 / 20.51 dB (noisy 24.77 / 20.46 / 14.91).
(`dgan evaluate median --task denoise --set sigma=15 --data FOLDER --size 256`)
"""

import dataclasses
from typing import Any

import numpy as np
from scipy.ndimage import median_filter

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.ops import library_filters

PAPER = "Tukey 1977, Exploratory Data Analysis"
TASKS = ("denoise",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    window: int = 3
    """Side in pixels, odd."""

    def __post_init__(self) -> None:
        if self.window < 1 or self.window % 2 == 0:
            raise ValueError(f"system.window must be an odd number of pixels, got {self.window}")


def build(config: Config, task: Task, spec: Spec) -> System:
    del task, spec

    def restore(variables: dict, y: dict, keys: Any) -> np.ndarray:
        """y: {"image": [B, H, W, C] in [-1, 1], ...} -> [B, H, W, C] float32, on the host."""
        del variables, keys
        return library_filters.per_image(lambda x: median_filter(x, (config.window, config.window, 1)), y["image"])

    return System(restore=restore, host=True)
