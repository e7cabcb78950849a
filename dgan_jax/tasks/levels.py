"""Levels of damage: the ranges they are drawn from, planes that tell a network of them, what an 8-bit file keeps."""

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Example, Measurement

Range = tuple[float, float]


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
