"""Convolutions and dense layers that start as torch's do: uniform within 1 / sqrt(fan in), biases too."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

Dtype = Any

kernel_init = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def bias_init(fan_in: int) -> nn.initializers.Initializer:
    """Uniform in +-1 / sqrt(fan_in)."""
    limit = 1 / np.sqrt(fan_in)
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, -limit, limit)


def conv(
    x: jax.Array,
    features: int,
    size: int,
    name: str,
    *,
    bias: bool = True,
    stride: int = 1,
    padding: int | None = None,
    dtype: Dtype = jnp.float32,
) -> jax.Array:
    """A convolution inside a compact method. [B, H, W, C] -> [B, H', W', features]; padding: size // 2 unless given."""
    layer = nn.Conv(
        features, (size, size), stride, padding=size // 2 if padding is None else padding, use_bias=bias, dtype=dtype,
        kernel_init=kernel_init, bias_init=bias_init(size**2 * x.shape[-1]), name=name,
    )  # fmt: skip
    return layer(x)


def dense(x: jax.Array, features: int, name: str, *, bias: bool = True, dtype: Dtype = jnp.float32) -> jax.Array:
    """A dense layer inside a compact method. [..., C] -> [..., features]."""
    layer = nn.Dense(
        features, use_bias=bias, dtype=dtype, kernel_init=kernel_init, bias_init=bias_init(x.shape[-1]), name=name
    )
    return layer(x)
