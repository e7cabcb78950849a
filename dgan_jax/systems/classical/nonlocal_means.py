"""Non-local means: every pixel becomes an average of pixels nearby whose surroundings look alike.

Buades, Coll, Morel, CVPR 2005; scikit-image's denoise_nl_means in its fast form (Darbon et al. 2008).
Measured here: mean RGB PSNR of centre crops 256x256 of 20 BSD100 photographs, 8-bit, levels told; noise of
sigma 15 / 25 / 50: 29.78 / 27.32 / 23.24 dB (noisy 24.77 / 20.46 / 14.91);
JPEG of quality 10 / 20 / 40: 25.32 / 27.47 / 29.56 dB
(files 24.84 / 27.11 / 29.40).
(`dgan evaluate nonlocal_means --task denoise --set sigma=15 --data FOLDER --size 256`)
"""

import dataclasses
from typing import Any

import numpy as np
from skimage.restoration import denoise_nl_means

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.systems import denoising
from dgan_jax.tasks.jpeg import Jpeg

PAPER = "Buades, Coll, Morel 2005, CVPR"
TASKS = ("denoise", "jpeg")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    strength: float = 0.6
    """How unlike surroundings may be, in standard deviations of the noise."""
    patch: int = 5
    """Side of what is compared, in pixels, odd."""
    distance: int = 6
    """How far away a pixel may be, in pixels."""
    quality: float = 25.0
    """JPEG quality that is assumed where the task does not tell it."""

    def __post_init__(self) -> None:
        if not self.strength > 0:
            raise ValueError(f"system.strength must be above 0, got {self.strength}")
        if self.patch < 1 or self.patch % 2 == 0 or self.distance < 1:
            raise ValueError(
                f"system.patch must be an odd number and system.distance at least 1, got {self.patch}, {self.distance}"
            )
        denoising.check_quality(self.quality)


def build(config: Config, task: Task, spec: Spec) -> System:
    del spec
    # Artefacts of neighbours are alike, unlike noise: less of their distance is due to them.
    share = 0.5 if isinstance(task, Jpeg) else 1.0

    def clean(image: np.ndarray, sigma: float) -> np.ndarray:
        # A width of 0 would divide by it.
        width = config.strength * max(sigma, 1e-4)
        cleaned = denoise_nl_means(
            image, config.patch, config.distance, width, fast_mode=True, sigma=share * sigma, channel_axis=-1
        )
        return cleaned.reshape(image.shape)  # a single channel comes back without its axis

    def restore(variables: dict, y: dict, keys: Any) -> np.ndarray:
        """y: {"image": [B, H, W, C] in [-1, 1], ...} -> [B, H, W, C] float32, on the host."""
        del variables, keys
        return denoising.denoised(clean, task, y, quality=config.quality)

    return System(restore=restore, host=True)
