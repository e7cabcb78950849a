"""The biharmonic equation, solved exactly in the hole: the classical method to beat on thin damage.

Damelin, Hoang, "On Surface Completion and Image Inpainting by Biharmonic Functions", 2018;
scikit-image's inpaint_biharmonic.
"""

import dataclasses
from typing import Any

import numpy as np
from skimage.restoration import inpaint_biharmonic

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.ops import library_fill

PAPER = "Damelin, Hoang 2018, Int. J. Math. Math. Sci., 3950312"
TASKS = ("inpaint",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    split: bool = True
    """Solve separate holes one after the other: less memory, and faster where there are many."""


def build(config: Config, task: Task, spec: Spec) -> System:
    del task, spec

    def restore(variables: dict, y: dict, keys: Any) -> np.ndarray:
        """y: {"image": [B, H, W, C] in [-1, 1], "hole": [B, H, W, 1]} -> [B, H, W, C] float32, on the host."""
        del variables, keys

        def fill(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
            return inpaint_biharmonic(image, hole, split_into_regions=config.split, channel_axis=-1)

        return library_fill.per_image(fill, y["image"], y["hole"])

    return System(restore=restore, host=True)
