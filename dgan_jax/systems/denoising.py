"""How library denoisers learn their strength: from what the task tells, from the picture, or from a JPEG quality."""

import jax.numpy as jnp
import numpy as np

from dgan_jax.core.parts import Task
from dgan_jax.ops import denoise, jpeg, library_filters
from dgan_jax.tasks.denoise import Denoise, peak_of
from dgan_jax.tasks.jpeg import STRENGTH


def check_quality(quality: float) -> None:
    """A ValueError unless a JPEG's quality is libjpeg's."""
    if not 1 <= quality <= 100:
        raise ValueError(f"system.quality must be in 1 to 100, as libjpeg counts it, got {quality}")


def noise(y: dict) -> np.ndarray:
    """[B]: standard deviation of noise for images in [0, 1], estimated unless the task tells it."""
    sigma = y["sigma"] if "sigma" in y else denoise.noise_level(jnp.asarray(y["image"]))
    return np.asarray(sigma, np.float64) / 2


def artefacts(y: dict, quality: float) -> np.ndarray:
    """[B]: standard deviation of noise as strong as JPEG's artefacts are; at `quality` unless the task tells it."""
    told = jnp.asarray(100 * y["quality"] if "quality" in y else np.full(len(y["image"]), quality), jnp.float32)
    return STRENGTH / 255 * np.asarray(jpeg.factor(told), np.float64)


def denoised(clean: library_filters.Filter, task: Task, y: dict, *, quality: float = 25.0) -> np.ndarray:
    """[B, H, W, C] in [-1, 1] by clean(image [H, W, C] in [0, 1], standard deviation).

    Where photons were counted, in a scale on which their noise is the same everywhere (Anscombe 1948).
    """
    photons = isinstance(task, Denoise) and task.noise == "poisson"
    sigma = noise(y) if isinstance(task, Denoise) else artefacts(y, quality)
    if not photons:
        return library_filters.per_image(clean, y["image"], sigma)

    def stabilised(image: np.ndarray, level: float) -> np.ndarray:
        peak = peak_of(jnp.asarray(255 * level))
        top = float(denoise.anscombe(jnp.ones(()), peak))
        even = np.asarray(denoise.anscombe(jnp.asarray(image), peak), np.float64) / top
        return np.asarray(denoise.anscombe_inverse(jnp.asarray(clean(even, 1 / top) * top), peak))

    return library_filters.per_image(stabilised, y["image"], sigma)
