"""Richardson-Lucy deconvolution: the likeliest image under photon noise, stopped early.

Richardson 1972, Lucy 1974; scikit-image's richardson_lucy, channel by channel. The kernel is the task's, if it is
known, else a Gaussian as wide as the edges look blurred (`ops.blur_estimate`).
Measured here: mean RGB PSNR of centre crops 256x256 of 20 BSD100 photographs, 8-bit. Gaussian blur of the task's range
without noise, 23.79 dB: 25.45 with its kernel, 25.15 without; lines of motion, 23.67 dB: 26.79 with
the kernel, 23.69 without.
(`dgan evaluate richardson_lucy --task deblur --set kind=gaussian --set known=true --data FOLDER --size 256`)
"""

import dataclasses
from typing import Any

import numpy as np
from skimage import restoration

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.ops import library_filters
from dgan_jax.ops.blur_estimate import kernels

PAPER = "Richardson 1972, J. Opt. Soc. Am. 62(1); Lucy 1974, Astron. J. 79"
TASKS = ("deblur",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    steps: int = 20
    """Iterations: more are sharper, and noisier."""
    margin: int = -1
    """Pixels mirrored around the image, beyond which all is black; -1: the kernel's side, or 32 if that is more."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.margin < -1:
            raise ValueError(
                f"system.steps must be at least 1 and system.margin not below -1, got {self.steps}, {self.margin}"
            )


def build(config: Config, task: Task, spec: Spec) -> System:
    del task, spec

    def clean(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        plane = lambda x: restoration.richardson_lucy(x, kernel, num_iter=config.steps, clip=False)
        margin = max(32, len(kernel)) if config.margin < 0 else config.margin
        return library_filters.with_margin(lambda x: library_filters.per_channel(plane, x), image, margin)

    def restore(variables: dict, y: dict, keys: Any) -> np.ndarray:
        """y: {"image": [B, H, W, C] in [-1, 1], "kernel" [B, k, k] if known} -> [B, H, W, C] float32, on the host."""
        del variables, keys
        return library_filters.per_image(clean, y["image"], kernels(y))

    return System(restore=restore, host=True)
