"""The network of ESRGAN: residual blocks of dense blocks at the small image's size, then nearest-neighbour enlarging.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", ECCVW 2018, arXiv 1809.00219,
section 3.1; with folded pixels for small factors as in Real-ESRGAN (Wang et al., arXiv 2107.10833).
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.fan_in import Dtype, conv
from dgan_jax.ops import fir
from dgan_jax.ops.patches import channels_first as unshuffle

# He's normal with a deviation of a tenth: residuals begin small.
small_init = nn.initializers.variance_scaling(2 * 0.1**2, "fan_in", "normal")


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees all that came before it; a fifth of the last is added to the input."""

    growth: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        seen = x
        for i in range(5):
            width = self.growth if i < 4 else x.shape[-1]
            layer = nn.Conv(width, (3, 3), kernel_init=small_init, dtype=self.dtype, name=f"conv_{i}")
            h = layer(seen)
            if i < 4:
                seen = jnp.concatenate([seen, nn.leaky_relu(h, 0.2)], axis=-1)
        return x + 0.2 * h


class Block(nn.Module):
    """Three dense blocks; a fifth of what they make is added to the input (equation of figure 4)."""

    growth: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h = x
        for i in range(3):
            h = DenseBlock(self.growth, self.dtype, name=f"dense_{i}")(h)
        return x + 0.2 * h


class RRDBNet(nn.Module):
    """[B, h, w, K] in [0, 1] -> [B, f h, f w, out_channels], f = 2^doublings / fold.

    `fold` x `fold` pixels are folded into one first, so h and w must be multiples of it. Published: x4 folds nothing,
    x2 folds 2, x1 folds 4, and all of them double twice. `remat`: recompute the blocks in the backward pass.
    """

    features: int = 64
    blocks: int = 23
    growth: int = 32
    fold: int = 1
    doublings: int = 2
    out_channels: int = 3
    dtype: Dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if x.shape[1] % self.fold or x.shape[2] % self.fold:
            raise ValueError(f"images of {x.shape[1]}x{x.shape[2]} cannot be folded {self.fold}x{self.fold}")
        plain = lambda x, features, name: conv(x, features, 3, name, dtype=self.dtype)
        block = nn.remat(Block) if self.remat else Block
        h = head = plain(unshuffle(x, self.fold).astype(self.dtype), self.features, "head")
        for i in range(self.blocks):
            h = block(self.growth, self.dtype, name=f"block_{i}")(h)
        h = head + plain(h, self.features, "trunk")
        for i in range(self.doublings):
            h = nn.leaky_relu(plain(fir.repeat(h), self.features, f"up_{i}"), 0.2)
        h = nn.leaky_relu(plain(h, self.features, "fuse"), 0.2)
        return plain(h, self.out_channels, "out").astype(jnp.float32)


FOLDS = {1: 4, 2: 2}
"""Factor of enlarging -> pixels that are folded in BasicSR's networks; others fold none."""


def shape_of(scale: int, fold: int = 0) -> tuple[int, int]:
    """`fold` and `doublings` of a factor, with fold 0 as in BasicSR; a ValueError for what these networks do not do."""
    fold = fold or FOLDS.get(scale, 1)
    doubled = scale * fold
    if doubled & (doubled - 1):
        raise ValueError(
            f"RRDBNet enlarges by powers of 2, or leaves the size as it is, got {scale} (folding {fold}); try "
            "--task.scale 4"
        )
    return fold, doubled.bit_length() - 1
