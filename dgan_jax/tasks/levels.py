"""Levels of damage: the ranges they are drawn from, planes that tell a network of them, what an 8-bit file keeps."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core.parts import Example, Measurement

Range = tuple[float, float]

KINDS = ("low", "noise", "photons", "blur", "motion", "haze", "jpeg")
"""Kinds of damage that have a strength (`Task.strengths`)."""
UNKNOWN = -1.0
"""The strength of damage that is there, nobody knows how much of it."""
COMMON_CONTRAST = 0.1
"""How far the first estimate of damage other than a hole is off, about, in [-1, 1]."""

ROUNDING = 2 / 255 / 12**0.5
"""Standard deviation of what rounding to 8 bits adds, in [-1, 1]."""


def check(name: str, values: Range, least: float, most: float) -> None:
    """A ValueError unless `values` is (low, high) with least <= low <= high <= most."""
    if len(values) != 2 or not least <= values[0] <= values[1] <= most:
        raise ValueError(
            f"task.{name} must be a range LOW HIGH in {least:g} to {most:g}, or one value twice; got {values}"
        )


def draw(key: jax.Array, values: Range) -> jax.Array:
    """[] uniform in the range."""
    return jax.random.uniform(key, minval=values[0], maxval=values[1])


def told(example: Example, name: str, otherwise: jax.Array | float) -> jax.Array:
    """[] float32: the level that came with the example, or another."""
    return jnp.asarray(example.get(name, otherwise), jnp.float32)


def plane(level: jax.Array, y: Measurement) -> jax.Array:
    """[B] or [B, K] -> [B, H, W, 1 or K], constant over the image."""
    level = level.reshape(level.shape[0], 1, 1, -1)
    return jnp.broadcast_to(level, (*y["image"].shape[:3], level.shape[-1]))


def eight_bit(image: jax.Array) -> jax.Array:
    """[-1, 1] as a file holds it: cut off and rounded to 256 levels."""
    return jnp.round(jnp.clip(image * 127.5 + 127.5, 0.0, 255.0)) / 127.5 - 1.0


def bytes_of(image: np.ndarray) -> np.ndarray:
    """uint8, of uint8 or of float32 in [-1, 1]; on the host."""
    if image.dtype == np.uint8:
        return image
    return np.clip(np.rint((np.asarray(image, np.float32) + 1) * np.float32(127.5)), 0, 255).astype(np.uint8)


def vector(strengths: Mapping[str, jax.Array], batch: int) -> jax.Array:
    """[B, kinds]: the strengths, in the order of KINDS, 0 for damage that is absent."""
    none = jnp.zeros(batch)
    return jnp.stack([jnp.broadcast_to(strengths.get(kind, none), (batch,)) for kind in KINDS], axis=-1)
