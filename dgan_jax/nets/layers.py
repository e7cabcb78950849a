"""Arithmetic that the networks of the diffusion-GAN family share exactly."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn


def sinusoid(t: jax.Array, features: int) -> jax.Array:
    """[B] -> [B, features]: sines, then cosines, of unscaled t; an odd width is zero-padded on the right."""
    half = features // 2
    frequencies = np.exp(-np.log(10000.0) * np.arange(half) / (half - 1)).astype(np.float32)
    angles = t.astype(jnp.float32)[:, None] * frequencies
    return jnp.pad(jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=1), ((0, 0), (0, features % 2)))


def group_norm(x: jax.Array, gain: jax.Array, shift: jax.Array, *, groups: int, epsilon: float = 1e-6) -> jax.Array:
    """x [B, H, W, C] with mean 0 and variance 1 in each group of channels, times gain, plus shift ([B, C] or [C]).

    Computed in float32. Channels are reduced first and grouped then: XLA:CPU takes half the time that flax's reduction
    over (H, W, C / groups) takes.
    """
    wide = x.astype(jnp.float32)
    batch, channels = x.shape[0], x.shape[-1]

    def grouped_mean(values: jax.Array) -> jax.Array:
        each = values.mean((1, 2)).reshape(batch, groups, channels // groups)
        return jnp.broadcast_to(each.mean(-1, keepdims=True), each.shape).reshape(batch, 1, 1, channels)

    plane = lambda values: values.astype(jnp.float32).reshape(-1, 1, 1, channels)
    wide = wide - grouped_mean(wide)
    scale = plane(gain) * jax.lax.rsqrt(grouped_mean(jnp.square(wide)) + epsilon)
    return (wide * scale + plane(shift)).astype(x.dtype)


def check_halvings(x: jax.Array, levels: int) -> None:
    """A ValueError unless images [B, H, W, C] can be halved once between each two of so many levels."""
    factor = 2 ** (levels - 1)
    if x.shape[1] % factor or x.shape[2] % factor:
        raise ValueError(
            f"images of {x.shape[1]}x{x.shape[2]} cannot be halved {levels - 1} times; "
            f"use sides that are multiples of {factor}, or fewer multipliers"
        )


class GroupNorm(nn.Module):
    """Group norm with a gain and a bias for each channel; `groups` must divide the channels."""

    groups: int = 32
    epsilon: float = 1e-6

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        if channels % self.groups:
            raise ValueError(
                f"group norm cannot divide {channels} channels into {self.groups} groups; "
                f"use widths that are multiples of {self.groups}, or fewer groups"
            )
        gain = self.param("scale", nn.initializers.ones, (channels,))
        shift = self.param("bias", nn.initializers.zeros, (channels,))
        return group_norm(x, gain, shift, groups=self.groups, epsilon=self.epsilon)


def relative_index(side: int) -> np.ndarray:
    """[N, N]: the place in a table of (2 side - 1)^2 of the offset between each two of the N = side^2 tokens of a grid,
    row by row."""
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij")).reshape(2, -1)
    offset = grid[:, :, None] - grid[:, None, :] + side - 1
    return offset[0] * (2 * side - 1) + offset[1]


def by_example(noisy: nn.Module, params: Any, inputs: tuple, keys: jax.Array, **options: Any) -> Any:
    """The output of a network whose dropout is on, with a mask for each example, from its own key ([B] keys), so that
    it is the same on any number of devices. inputs: arrays [B, ...]."""

    def one(key: jax.Array, *inputs: Any) -> Any:
        single = jax.tree.map(lambda x: x[None], inputs)
        return jax.tree.map(lambda x: x[0], noisy.apply({"params": params}, *single, rngs={"dropout": key}, **options))

    return jax.vmap(one)(keys, *inputs)


def dropped(network: nn.Module, params: Any, inputs: tuple, keys: jax.Array, **options: Any) -> Any:
    """The output of a network with `dropout` and `deterministic`, as it is trained (`by_example`)."""
    return by_example(network.clone(deterministic=False), params, inputs, keys, **options)


def uniform_fan_avg(scale: float = 1.0) -> nn.initializers.Initializer:
    """Uniform with variance scale / mean(fan in, fan out); scale 0 stands for 1e-10."""
    return nn.initializers.variance_scaling(scale or 1e-10, "fan_avg", "uniform")


def uniform_fan_out(scale: float = 1.0) -> nn.initializers.Initializer:
    """Uniform with variance scale / fan out; scale 0 stands for 1e-10.

    The published initialiser of the critic, the latent mapping and the styles is asked for fan_avg, but falls through
    to this.
    """
    return nn.initializers.variance_scaling(scale or 1e-10, "fan_out", "uniform")
