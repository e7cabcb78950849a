"""Wiener's filter: least squares for noise (in a window) and for blur (in frequencies, with a smoothness prior).

Denoising: SciPy's adaptive signal.wiener (Lee 1980), channel by channel; the noise's variance is the task's, if told.
Deblurring: scikit-image's restoration.wiener, or unsupervised_wiener (Orieux et al. 2010), which finds the balance.
The kernel is the task's, if it is known, else a Gaussian as wide as the edges look blurred (`ops.blur_estimate`).
Measured here: mean RGB PSNR of centre crops 256x256 of 20 BSD100 photographs, 8-bit, levels told; noise of
sigma 15 / 25 / 50: 28.51 / 25.63 / 22.19 dB (noisy 24.77 / 20.46 / 14.91). Gaussian blur of the task's range without
noise, 23.79 dB: 25.78 with its kernel (27.31 unsupervised), 25.25 without (25.51); lines of motion, 23.67 dB: 26.31
with the kernel (23.71 unsupervised), 23.74 without.
(`dgan evaluate wiener --task denoise --set sigma=15 --data FOLDER --size 256`)
"""

import dataclasses
import warnings
from typing import Any

import numpy as np
from scipy import signal
from skimage import restoration

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.ops import library_filters
from dgan_jax.ops.blur_estimate import kernels
from dgan_jax.systems import denoising
from dgan_jax.tasks.denoise import Denoise

PAPER = "Wiener 1949, Extrapolation, Interpolation, and Smoothing of Stationary Time Series"
TASKS = ("denoise", "deblur")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    window: int = 5
    """Denoising: side of the window in pixels, odd."""
    mean_variance: bool = False
    """Denoising: the noise's variance is the mean of all windows', as SciPy has it, which counts texture as noise."""
    balance: float = 0.01
    """Deblurring: weight of smoothness against the blurred image; 0: found for each channel (unsupervised)."""
    margin: int = -1
    """Deblurring: pixels in which opposite borders, neighbours to the filter, fade into one another; -1: twice the
    kernel's side."""

    def __post_init__(self) -> None:
        if self.window < 1 or self.window % 2 == 0:
            raise ValueError(f"system.window must be an odd number of pixels, got {self.window}")
        if self.balance < 0 or self.margin < -1:
            raise ValueError(
                f"system.balance must not be below 0 and system.margin not below -1, got {self.balance}, {self.margin}"
            )


def build(config: Config, task: Task, spec: Spec) -> System:
    del spec

    def adaptive(image: np.ndarray, sigma: float) -> np.ndarray:
        with warnings.catch_warnings():  # SciPy divides by the variance of windows where nothing varies
            warnings.simplefilter("ignore", RuntimeWarning)
            variance = None if config.mean_variance else max(sigma, 1e-6) ** 2
            plane = lambda x: signal.wiener(x, config.window, variance)
            return library_filters.per_channel(plane, image)

    def deconvolved(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        def plane(x: np.ndarray) -> np.ndarray:
            if config.balance == 0:
                return restoration.unsupervised_wiener(x, kernel, clip=False, rng=0)[0]
            return restoration.wiener(x, kernel, config.balance, clip=False)

        margin = 2 * len(kernel) if config.margin < 0 else config.margin
        return library_filters.wrapped(lambda x: library_filters.per_channel(plane, x), image, margin)

    def restore(variables: dict, y: dict, keys: Any) -> np.ndarray:
        """y: {"image": [B, H, W, C] in [-1, 1], "sigma" or "kernel" if known} -> [B, H, W, C] float32, on the host."""
        del variables, keys
        if isinstance(task, Denoise):
            return denoising.denoised(adaptive, task, y)
        return library_filters.per_image(deconvolved, y["image"], kernels(y))

    return System(restore=restore, host=True)
