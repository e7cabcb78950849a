"""Denoising: white Gaussian noise, or the noise of counted photons."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core.names import unknown
from dgan_jax.core.parts import Example, Measurement, Task
from dgan_jax.ops import denoise
from dgan_jax.tasks import levels

NOISES = ("gaussian", "poisson")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Denoise(Task):
    """Noise of a level that is fixed or drawn from a range, and told to the network unless it is `blind`.

    A measurement holds `image`, `start` (cosine thresholding at the level told, or else estimated) and, unless blind,
    `sigma`: the standard deviation in the image's own units.
    """

    noise: str = "gaussian"
    """gaussian, or poisson: variance in proportion to brightness."""
    sigma: tuple[float, float] = (5.0, 50.0)
    """Standard deviation in grey levels of 255 (for poisson that of white), drawn from this range."""
    blind: bool = False
    """The level is not told: one network for all of them."""
    eight_bit: bool = True
    """Cut off and round the noisy image to 8 bits, as a file does; papers on Gaussian noise do not."""

    def __post_init__(self) -> None:
        if self.noise not in NOISES:
            raise unknown("noise", self.noise, NOISES)
        levels.check("sigma", self.sigma, 0.1, 255)

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        return {} if self.blind else {"sigma": self.sigma}

    def damage(self, key: jax.Array, example: Example) -> Example:
        level, own = jax.random.split(key)
        sigma = levels.draw(level, self.sigma)
        noisy = (
            photons(own, example["image"], sigma) if self.noise == "poisson" else white(own, example["image"], sigma)
        )
        return {**example, "image": levels.eight_bit(noisy) if self.eight_bit else noisy, "sigma": sigma}

    def observe(self, example: Example) -> Measurement:
        """example["sigma"], in grey levels, is estimated where it is missing, and then brought into the range."""
        image = example["image"]
        if "sigma" not in example or self.blind:
            estimate = lambda: jnp.clip(127.5 * denoise.noise_level(image), *self.sigma)
            example = {**example, "sigma": example["estimate"] if "estimate" in example else estimate()}
        sigma = jnp.asarray(example["sigma"], jnp.float32)
        y = {"image": image, "start": self.thresholded(image, sigma)}
        return y if self.blind else {**y, "sigma": sigma / 127.5}

    def survey(self, image: np.ndarray, given: Mapping[str, Any]) -> dict[str, Any]:
        """The level is estimated once for all windows of a photograph."""
        if "sigma" in given and not self.blind:
            return {}
        return {"estimate": np.float32(np.clip(denoise.noise_level_of_bytes(levels.bytes_of(image)), *self.sigma))}

    def thresholded(self, image: jax.Array, sigma: jax.Array) -> jax.Array:
        """The cheap answer, [H, W, C]; sigma in grey levels."""
        if self.noise == "gaussian":
            return jnp.clip(denoise.dct_threshold(image, sigma / 127.5), -1, 1)
        peak = peak_of(sigma)
        counts = denoise.dct_threshold(denoise.anscombe(image / 2 + 0.5, peak), 1.0)
        return jnp.clip(2 * denoise.anscombe_inverse(counts, peak) - 1, -1, 1)

    def condition(self, y: Measurement) -> jax.Array:
        """The noisy image, the cheap answer and, unless blind, the level: [B, H, W, 2 C + 1 or 2 C]."""
        parts = [y["image"], y["start"]]
        return jnp.concatenate(parts if self.blind else [*parts, levels.plane(y["sigma"], y)], axis=-1)

    def start(self, y: Measurement) -> jax.Array:
        return y["start"]

    def strengths(self, y: Measurement) -> Mapping[str, jax.Array]:
        """1 for 50 grey levels."""
        kind = "photons" if self.noise == "poisson" else "noise"
        return {kind: jnp.asarray(levels.UNKNOWN) if self.blind else y["sigma"] * 127.5 / 50}

    def values(self, y: Measurement) -> jax.Array:
        return y["image"]

    def apply(self, x: jax.Array, y: Measurement) -> jax.Array:
        """The identity: only the noise stands between them."""
        del y
        return x

    def pseudo_inverse(self, values: jax.Array, y: Measurement) -> jax.Array:
        del y
        return values

    @property
    def exact(self) -> bool:
        """There is nothing but noise."""
        return False

    def deviation(self, y: Measurement) -> jax.Array:
        """Of the noise: told or else estimated; for photons that of the mean brightness."""
        sigma = y["sigma"] if "sigma" in y else denoise.noise_level(y["image"])
        if self.noise == "poisson":
            sigma = sigma * jnp.sqrt(jnp.maximum(jnp.mean(y["image"] / 2 + 0.5, axis=(1, 2, 3)), 1e-3))
        return sigma.reshape(-1, 1, 1, 1)

    def weigh(self, weights: Callable[[jax.Array], jax.Array], x: jax.Array, y: Measurement) -> jax.Array:
        """All singular values are 1."""
        del y
        return weights(jnp.ones((1, 1, 1))) * x


def white(key: jax.Array, image: jax.Array, sigma: jax.Array) -> jax.Array:
    """Gaussian noise of `sigma` grey levels on an image in [-1, 1]."""
    return image + sigma / 127.5 * jax.random.normal(key, image.shape)


def peak_of(sigma: jax.Array) -> jax.Array:
    """Photons that a white pixel counts when its noise is `sigma` of 255 grey levels."""
    return jnp.square(255.0 / sigma)


def photons(key: jax.Array, image: jax.Array, sigma: jax.Array) -> jax.Array:
    """Poisson noise on an image in [-1, 1]."""
    peak = peak_of(sigma)
    counts = jax.random.poisson(key, jnp.maximum(image / 2 + 0.5, 0.0) * peak, image.shape)
    return 2 * counts.astype(image.dtype) / peak - 1


TASK = Denoise
