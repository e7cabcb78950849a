"""The time-dependent critic of denoising diffusion-GANs: is x_t a step back from x_{t+1}?

Xiao et al., arXiv 2112.07804.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.core.names import lookup
from dgan_jax.nets.layers import sinusoid, uniform_fan_out
from dgan_jax.nets.minibatch import minibatch_deviation
from dgan_jax.ops import fir, patches

Dtype = Any

# (width in units of `features`, halve the size) of each block, and the scale of the final convolution's initialisation.
VARIANTS = {
    "small": (((2, False), (4, True), (8, True), (8, True)), 0.0),
    "large": (((4, True), (8, True), (8, True), (8, True), (8, True), (8, True)), 1.0),
}

activate = lambda x: nn.leaky_relu(x, 0.2)


def conv(features: int, size: int, dtype: Dtype, name: str, *, scale: float = 1.0, bias: bool = True) -> nn.Conv:
    init = uniform_fan_out(scale)
    return nn.Conv(features, (size, size), padding=size // 2, use_bias=bias, dtype=dtype, kernel_init=init, name=name)


class TimeEmbedding(nn.Module):
    """t [B] integer -> [B, features], without a last activation."""

    features: int
    hidden: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, t: jax.Array) -> jax.Array:
        dense = lambda features, name: nn.Dense(features, kernel_init=uniform_fan_out(), dtype=self.dtype, name=name)
        time = activate(dense(self.hidden, "time_in")(sinusoid(t, self.hidden)))
        return dense(self.features, "time_out")(time)


class DownBlock(nn.Module):
    """x: [B, H, W, C], time: [B, E] -> [B, H', W', features]."""

    features: int
    halve: bool
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, time: jax.Array) -> jax.Array:
        h = conv(self.features, 3, self.dtype, "conv_in")(activate(x))
        dense = nn.Dense(self.features, kernel_init=uniform_fan_out(), dtype=self.dtype, name="time")
        h = activate(h + dense(time)[:, None, None, :])
        if self.halve:
            h, x = fir.downsample(h), fir.downsample(x)
        h = conv(self.features, 3, self.dtype, "conv_out", scale=0.0)(h)
        x = conv(self.features, 1, self.dtype, "skip", bias=False)(x)
        return (h + x) / np.sqrt(2.0)


class Critic(nn.Module):
    """(x_t [B, H, W, C], t [B] integer, x_{t+1} [B, H, W, C], condition [B, H, W, K] or None) -> logits [B].

    `variant`: small is the published critic for 32x32 images, large for 256x256. `group`: samples per group of the
    minibatch deviation; with `axis_name` the groups are those of the whole batch, devices in order. `dtype` is that of
    activations; parameters and the last layer are float32. Wavelet diffusion-GANs (Phung et al., arXiv 2211.16152) keep
    the first `layers` blocks and may turn pixels of a `patch` into channels; with `local_head` the result is (logits
    [B], logits of each place [B, places]).
    """

    variant: str = "small"
    features: int = 64
    time_embedding: int = 256
    group: int = 4
    axis_name: str | None = None
    dtype: Dtype = jnp.float32
    layers: int | None = None
    patch: int = 1
    local_head: bool = False

    @nn.compact
    def __call__(
        self, x_t: jax.Array, t: jax.Array, x_next: jax.Array, condition: jax.Array | None = None
    ) -> jax.Array | tuple[jax.Array, jax.Array]:
        blocks, final_scale = lookup("critic", self.variant, VARIANTS)
        if self.layers is not None:
            if not 3 <= self.layers <= len(blocks):
                raise ValueError(f"the {self.variant} critic has 3 to {len(blocks)} layers, got {self.layers}")
            blocks = blocks[: self.layers]
        time = activate(TimeEmbedding(self.time_embedding, self.time_embedding, self.dtype, name="embed")(t))
        given = [x_t, x_next] if condition is None else [x_t, x_next, condition]
        h = jnp.concatenate([patches.channels_first(x, self.patch) for x in given], axis=-1).astype(self.dtype)
        h = conv(2 * self.features, 1, self.dtype, "stem")(h)
        for i, (multiplier, halve) in enumerate(blocks):
            h = DownBlock(multiplier * self.features, halve, self.dtype, name=f"block_{i}")(h, time)
        h = minibatch_deviation(h, self.group, None if self.is_initializing() else self.axis_name)
        h = activate(conv(8 * self.features, 3, self.dtype, "final", scale=final_scale)(h))
        h = h.astype(jnp.float32)
        logits = nn.Dense(1, kernel_init=uniform_fan_out(), name="out")(h.sum((1, 2)))[:, 0]  # not the mean
        if not self.local_head:
            return logits
        local = nn.Dense(1, kernel_init=uniform_fan_out(), name="local")(h)
        return logits, local.reshape(h.shape[0], -1)
