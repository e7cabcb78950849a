"""Linear interpolation on the Delaunay triangles that span the hole.

SciPy's LinearNDInterpolator (Qhull: Barber, Dobkin, Huhdanpaa 1996); nearest known pixel outside the hull.
"""

import dataclasses
from typing import Any

import numpy as np

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.ops import library_fill

PAPER = "Barber, Dobkin, Huhdanpaa 1996, ACM TOMS 22(4)"
TASKS = ("inpaint",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Nothing to choose."""


def build(config: Config, task: Task, spec: Spec) -> System:
    del task, spec

    def restore(variables: dict, y: dict, keys: Any) -> np.ndarray:
        """y: {"image": [B, H, W, C] in [-1, 1], "hole": [B, H, W, 1]} -> [B, H, W, C] float32, on the host."""
        del variables, keys
        return library_fill.per_image(library_fill.linear, y["image"], y["hole"], reach=8)

    return System(restore=restore, host=True)
