"""Windowed sinc over six pixels: sharper than cubic convolution, and it rings more.

Lanczos's window, after Duchon 1979; Pillow's Image.resize in floating point.
Measured here, x4, centre crops 256x256 of 20 BSD100 photographs: 24.81 dB psnr_y_crop4, 23.52 dB psnr_rgb.
(`dgan evaluate upscale_lanczos --task superres --data FOLDER --size 256`)
"""

import dataclasses
from typing import Any

import numpy as np
from PIL import Image

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.ops import library_filters
from dgan_jax.tasks.superres import SuperResolution

PAPER = "Duchon 1979, J. Appl. Meteorology 18(8)"
TASKS = ("superres",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Nothing to choose."""


def build(config: Config, task: Task, spec: Spec) -> System:
    del config, spec
    assert isinstance(task, SuperResolution)
    scale = task.scale

    def plane(x: np.ndarray) -> np.ndarray:
        size = (scale * x.shape[1], scale * x.shape[0])
        return np.asarray(Image.fromarray(x.astype(np.float32)).resize(size, Image.Resampling.LANCZOS))

    def restore(variables: dict, y: dict, keys: Any) -> np.ndarray:
        """y: {"low": [B, h, w, C] in [-1, 1], ...} -> [B, scale h, scale w, C] float32, on the host."""
        del variables, keys
        return library_filters.per_image(lambda x: library_filters.per_channel(plane, x), y["low"])

    return System(restore=restore, host=True)
