"""Errors of images, features, noise or codes of any one shape; scalars."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

Error = Callable[[jax.Array, jax.Array], jax.Array]


def mean_absolute(ours: jax.Array, theirs: jax.Array) -> jax.Array:
    """L1, the mean over all."""
    return jnp.mean(jnp.abs(ours - theirs))


def mean_squared(ours: jax.Array, theirs: jax.Array) -> jax.Array:
    """L2, the mean over all."""
    return jnp.mean(jnp.square(ours - theirs))


ERRORS: Mapping[str, Error] = {"l1": mean_absolute, "l2": mean_squared}
"""By the names that configs use."""
