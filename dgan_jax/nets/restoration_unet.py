"""A lean U-Net for restoring: residual blocks without normalisation, Haar bands between its levels.

Without normalisation as in EDSR (Lim et al., arXiv 1707.02921), whose authors found that it takes away the range of an
image; steered by features (FiLM: Perez et al., arXiv 1709.07871). Plain 3x3 convolutions throughout: on CPUs they run
near the machine's peak, which depthwise ones and attention do not.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.layers import sinusoid
from dgan_jax.ops import haar


def conv(features: int, size: int, dtype: jnp.dtype, name: str, *, scale: float = 1.0) -> nn.Conv:
    """A convolution that keeps the size; scale 0 starts it at zero."""
    init = nn.initializers.variance_scaling(scale, "fan_in", "normal") if scale else nn.initializers.zeros
    return nn.Conv(features, (size, size), dtype=dtype, kernel_init=init, name=name)


class SteeredBlock(nn.Module):
    """x [B, H, W, C] + what two convolutions make of it, scaled and shifted in between by `steer` [B, E]."""

    dtype: jnp.dtype = jnp.dtype(jnp.float32)

    @nn.compact
    def __call__(self, x: jax.Array, steer: jax.Array) -> jax.Array:
        features = x.shape[-1]
        h = conv(features, 3, self.dtype, "conv_in", scale=2.0)(x.astype(self.dtype))
        # Strong from the start: each kind of damage has features of its own, which the others do not pull at.
        strong = nn.initializers.variance_scaling(30.0, "fan_in", "normal")
        film = nn.Dense(2 * features, kernel_init=strong, dtype=self.dtype, name="film")(steer)
        scale, shift = jnp.split(film[:, None, None, :], 2, axis=-1)
        # Less than one: deep stacks start near the identity. Much less learns several times more slowly.
        return x + conv(features, 3, self.dtype, "conv_out", scale=0.1)(nn.relu(h * (1 + scale) + shift))


class RestorationUNet(nn.Module):
    """(x [B, H, W, C], t [B] integer, z [B, Z], condition [B, H, W, K]) -> [B, H, W, out_channels], zero at first.

    H and W must be multiples of 2^(levels - 1).
    """

    out_channels: int
    features: tuple[int, ...] = (48, 96, 160)  # width of each level
    blocks: tuple[int, ...] = (2, 2, 4)  # of each level, on the way down and again, but for the last, on the way up
    embedding: int = 128
    dtype: jnp.dtype = jnp.dtype(jnp.float32)
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, z: jax.Array, condition: jax.Array) -> jax.Array:
        multiple = 2 ** (len(self.features) - 1)
        if x.shape[1] % multiple or x.shape[2] % multiple:
            raise ValueError(
                f"{len(self.features)} levels need sides that are multiples of {multiple}, "
                f"got {x.shape[1]}x{x.shape[2]}"
            )
        block = nn.remat(SteeredBlock) if self.remat else SteeredBlock
        steer = self.steering(t, z)
        h = conv(self.features[0], 3, self.dtype, "stem")(jnp.concatenate([x, condition], -1).astype(self.dtype))
        kept = []
        for level, (width, count) in enumerate(zip(self.features, self.blocks, strict=True)):
            if level:
                h = conv(width, 1, self.dtype, f"down_{level}")(haar.dwt(h) / 2)
            for i in range(count):
                h = block(self.dtype, name=f"down_{level}_{i}")(h, steer)
            kept.append(h)
        for level in reversed(range(len(self.features) - 1)):
            h = haar.idwt(conv(4 * self.features[level], 1, self.dtype, f"up_{level}")(h)) + kept[level]
            for i in range(self.blocks[level]):
                h = block(self.dtype, name=f"up_{level}_{i}")(h, steer)
        return conv(self.out_channels, 3, self.dtype, "out", scale=0.0)(h).astype(jnp.float32)

    def steering(self, t: jax.Array, z: jax.Array) -> jax.Array:
        """[B, embedding] of the time and the latent."""
        dense = lambda name: nn.Dense(self.embedding, dtype=self.dtype, name=name)
        told = jnp.concatenate([sinusoid(t, 32), z], axis=-1).astype(self.dtype)
        return nn.silu(dense("steer_out")(nn.silu(dense("steer_in")(told))))
