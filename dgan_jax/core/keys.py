"""Random keys: one per example, the same on any number of devices and hosts."""

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Array


def example_keys(key: jax.Array, step: jax.Array | int, count: int, first: jax.Array | int = 0) -> jax.Array:
    """[count] keys for the examples `first` .. `first + count - 1` of the global batch of `step`."""
    key = jax.random.fold_in(key, step)
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(first + jnp.arange(count))


def indexed_keys(key: jax.Array, index: Array) -> jax.Array:
    """[N] keys from [N] integer indices: image i gets the same key in whatever batch it is evaluated."""
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(index)
