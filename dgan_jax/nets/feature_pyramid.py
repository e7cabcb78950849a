"""A feature pyramid that is put together by sub-pixel convolutions, and a critic that ends in dense layers.

Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017, arXiv 1612.03144; as a generator: Kupyn et al.,
"DeblurGAN-v2", ICCV 2019, arXiv 1908.03826. Sub-pixel convolution: Shi et al., CVPR 2016, arXiv 1609.05158; its start
without a checkerboard: Aitken et al., arXiv 1707.02937.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.dcgan import batch_norm
from dgan_jax.nets.layers import GroupNorm
from dgan_jax.ops.resize import resize

he = nn.initializers.he_normal()


def conv(x: jax.Array, features: int, name: str, size: int = 3, stride: int = 1) -> jax.Array:
    """A convolution that keeps the size where its stride is 1."""
    return nn.Conv(features, (size, size), stride, padding=size // 2, kernel_init=he, name=name)(x)


def equal_start(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> jax.Array:
    """Kernels of a sub-pixel convolution [h, w, in, 4 out], the same for the four pixels of each place."""
    return jnp.tile(he(key, (*shape[:-1], shape[-1] // 4), dtype), (1, 1, 1, 4))


class SubPixel(nn.Module):
    """[B, H, W, C] -> [B, 2H, 2W, features]: four pixels from each place, and a leaky ReLU."""

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h = nn.Conv(4 * self.features, (3, 3), padding=1, kernel_init=equal_start, name="conv")(x)
        batch, height, width, _ = h.shape
        h = h.reshape(batch, height, width, 2, 2, self.features).transpose(0, 1, 3, 2, 4, 5)
        return nn.leaky_relu(h.reshape(batch, 2 * height, 2 * width, self.features), 0.2)


class Residual(nn.Module):
    """[B, H, W, C] -> [B, H / stride, W / stride, features]: two convolutions with instance norm beside a skip."""

    features: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        norm = lambda x, name: GroupNorm(self.features, 1e-5, name=name)(x)
        h = nn.relu(norm(conv(x, self.features, "conv_in", stride=self.stride), "norm_in"))
        h = norm(conv(h, self.features, "conv_out"), "norm_out")
        if x.shape != h.shape:
            x = conv(x, self.features, "skip", size=1, stride=self.stride)
        return nn.relu(x + h)


class Generator(nn.Module):
    """[B, H, W, K] -> images [B, H, W, channels] in [-1, 1]. H and W must be multiples of 2^levels."""

    channels: int = 3
    features: int = 64
    levels: int = 4
    blocks: int = 2
    pyramid: int = 128  # width of its maps

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if x.shape[1] % 2**self.levels or x.shape[2] % 2**self.levels:
            raise ValueError(
                f"images of {x.shape[1]}x{x.shape[2]} cannot be halved {self.levels} times; use sides that are "
                f"multiples of {2**self.levels}, or fewer levels"
            )
        stem = nn.relu(GroupNorm(self.features, 1e-5, name="stem_norm")(conv(x, self.features, "stem", size=7)))
        h, maps = stem, []
        for level in range(1, self.levels + 1):
            width = self.features * min(2**level, 8)
            for i in range(self.blocks):
                h = Residual(width, 1 if i else 2, name=f"down_{level}_{i}")(h)
            maps.append(conv(h, self.pyramid, f"lateral_{level}", size=1))
        # From the deepest level up, each level joins what the deeper ones know.
        found = [maps[-1]]
        for level in reversed(range(1, self.levels)):
            h = maps[level - 1] + SubPixel(self.pyramid, name=f"up_{level}")(found[-1])
            found.append(conv(h, self.pyramid, f"smooth_{level}"))
        # All of them at half the size of the image.
        for place, level in enumerate(reversed(range(2, self.levels + 1))):
            for i in range(level - 1):
                found[place] = SubPixel(self.pyramid, name=f"level_{level}_{i}")(found[place])
        h = nn.leaky_relu(conv(jnp.concatenate(found, axis=-1), self.pyramid, "fuse"), 0.2)
        h = jnp.concatenate([SubPixel(self.pyramid, name="up_0")(h), stem], axis=-1)
        h = nn.leaky_relu(conv(h, self.features, "head"), 0.2)
        return jnp.tanh(conv(h, self.channels, "out", size=7))


class DenseCritic(nn.Module):
    """Images [B, H, W, C] of any size -> scores [B], by 4x4 means of the last map and two dense layers."""

    features: int = 64
    levels: int = 5
    dense: int = 1024
    side: int = 4
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        h = x
        for i in range(self.levels):
            layer = nn.Conv(self.features * min(2**i, 8), (4, 4), 2, padding=1, kernel_init=he, name=f"conv_{i}")
            h = layer(h)
            h = nn.leaky_relu(batch_norm(h, train, self.axis_name, f"norm_{i}") if i else h, 0.2)
        h = resize(h, (self.side, self.side), "box").reshape(x.shape[0], -1)
        h = nn.leaky_relu(nn.Dense(self.dense, kernel_init=he, name="dense")(h), 0.2)
        return nn.Dense(1, name="out")(h)[:, 0]
