"""Telea's fast marching: rim by rim, weighted averages of what is known nearby.

Telea, "An Image Inpainting Technique Based on the Fast Marching Method", 2004; OpenCV's cv2.inpaint, on uint8.
"""

import dataclasses
import math
from functools import partial
from typing import Any

import cv2
import numpy as np

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.ops import library_fill

PAPER = "Telea 2004, Journal of Graphics Tools 9(1)"
TASKS = ("inpaint",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    radius: float = 3.0
    """Known pixels at most this far away are averaged, in pixels."""

    def __post_init__(self) -> None:
        if not self.radius > 0:
            raise ValueError(f"system.radius must be above 0 pixels, got {self.radius}")


def build(config: Config, task: Task, spec: Spec) -> System:
    del task, spec

    def restore(variables: dict, y: dict, keys: Any) -> np.ndarray:
        """y: {"image": [B, H, W, C] in [-1, 1], "hole": [B, H, W, 1]} -> [B, H, W, C] float32, on the host."""
        del variables, keys
        paint = lambda levels, marked: cv2.inpaint(levels, marked, config.radius, cv2.INPAINT_TELEA)
        # Distances are measured on both sides of the rim.
        reach = 2 * math.ceil(config.radius) + 4
        return library_fill.per_image(partial(library_fill.channelwise, paint), y["image"], y["hole"], reach=reach)

    return System(restore=restore, host=True)
