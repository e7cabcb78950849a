"""The biharmonic equation, solved exactly in the hole: the classical method to beat on thin damage.

Damelin, Hoang, "On Surface Completion and Image Inpainting by Biharmonic Functions", 2018;
scikit-image's inpaint_biharmonic.
"""

import dataclasses
from typing import Any

import numpy as np
from scipy import ndimage
from skimage.restoration import inpaint_biharmonic

from dgan_jax.core.machine import memory
from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.ops import library_fill

PAPER = "Damelin, Hoang 2018, Int. J. Math. Math. Sci., 3950312"
TASKS = ("inpaint",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    split: bool = True
    """Solve separate holes one after the other: less memory, and faster where there are many."""


BYTES = 7500
"""Memory that the exact solver takes for a pixel of a large hole: a compact one of 707,000 pixels took 5 GB."""


def check_memory(hole: np.ndarray, split: bool) -> None:
    """A ValueError where the largest hole is too large for the memory at hand: the solver would be killed, or die."""
    pixels = int(hole.sum())
    if split and BYTES * pixels > memory():
        labels, _ = ndimage.label(ndimage.binary_dilation(hole, np.ones((3, 3)), iterations=2))
        pixels = int(np.bincount(labels[hole]).max())
    needed, free = BYTES * pixels, memory()
    if needed > free:
        raise ValueError(
            f"the exact biharmonic fill of a hole of {pixels} connected pixels takes about {needed / 1e9:.1f} GB of "
            f"memory, and {free / 1e9:.1f} GB are free; take --system spline or coherent, which need little"
        )


def build(config: Config, task: Task, spec: Spec) -> System:
    del task, spec

    def restore(variables: dict, y: dict, keys: Any) -> np.ndarray:
        """y: {"image": [B, H, W, C] in [-1, 1], "hole": [B, H, W, 1]} -> [B, H, W, C] float32, on the host."""
        del variables, keys

        def fill(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
            check_memory(hole, config.split)
            return inpaint_biharmonic(image, hole, split_into_regions=config.split, channel_axis=-1)

        return library_fill.per_image(fill, y["image"], y["hole"], reach=16, ranged=True)

    return System(restore=restore, host=True)
