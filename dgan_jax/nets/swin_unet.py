"""ResShift's U-Net: guided diffusion's blocks, with Swin transformer blocks where that has attention.

Yue, Wang, Loy, "ResShift: Efficient Diffusion Model for Image Super-resolution by Residual Shifting", NeurIPS 2023,
arXiv 2307.12348, section 3.3; Liu et al., "Swin Transformer", ICCV 2021, arXiv 2103.14030.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.nets.adm_unet import EPSILON, ResidualBlock, cosine_first
from dgan_jax.nets.fan_in import Dtype, conv, dense
from dgan_jax.nets.layers import GroupNorm, relative_index
from dgan_jax.ops import fir

APART = -100.0
"""Added to the score of two pixels of one window that are no neighbours in the image."""


def split(x: jax.Array, window: int) -> jax.Array:
    """[B, H, W, C] -> [B, windows, window^2, C], windows row by row."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // window, window, width // window, window, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, -1, window**2, channels)


def joined(x: jax.Array, window: int, height: int, width: int) -> jax.Array:
    """The inverse of `split`."""
    x = x.reshape(x.shape[0], height // window, width // window, window, window, x.shape[-1])
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(x.shape[0], height, width, -1)


def strangers(height: int, width: int, window: int, shift: int) -> np.ndarray:
    """[windows, window^2, window^2]: APART for pixels that the shift brought together from opposite edges."""

    def band(side: int) -> np.ndarray:
        place = np.arange(side)
        return (place >= side - window).astype(int) + (place >= side - shift)

    bands = 3 * band(height)[:, None] + band(width)[None, :]
    own = bands.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3)
    own = own.reshape(-1, window**2)
    return np.where(own[:, :, None] == own[:, None, :], 0.0, APART).astype(np.float32)


class WindowAttention(nn.Module):
    """Attention within windows, each pair of pixels with a bias by the way between them. [B, H, W, C] -> the same."""

    heads: int
    window: int
    shift: int  # how far windows are moved down and right
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        each = channels // self.heads
        if self.shift:
            x = jnp.roll(x, (-self.shift, -self.shift), axis=(1, 2))
        h = dense(split(x, self.window), 3 * channels, "qkv", dtype=self.dtype)
        q, k, v = (part.reshape(*part.shape[:3], self.heads, each) for part in jnp.split(h, 3, axis=-1))
        scores = jnp.einsum("bwqhc,bwkhc->bwhqk", q * each**-0.5, k, preferred_element_type=jnp.float32)
        start = nn.initializers.truncated_normal(0.02)
        table = self.param("bias", start, ((2 * self.window - 1) ** 2, self.heads))
        scores = scores + jnp.moveaxis(table[relative_index(self.window)], -1, 0)
        if self.shift:
            scores = scores + jnp.asarray(strangers(height, width, self.window, self.shift))[:, None]
        h = jnp.einsum("bwhqk,bwkhc->bwqhc", nn.softmax(scores).astype(v.dtype), v)
        h = dense(h.reshape(batch, -1, self.window**2, channels), channels, "out", dtype=self.dtype)
        h = joined(h, self.window, height, width)
        return jnp.roll(h, (self.shift, self.shift), axis=(1, 2)) if self.shift else h


class SwinBlocks(nn.Module):
    """Blocks of attention and a network of two layers, at a width of their own, every second one with moved windows.

    [B, H, W, C] -> [B, H, W, C]. Around them there is no skip, as published. H and W are multiples of the window.
    """

    features: int
    depth: int
    heads: int
    window: int
    shift: int  # of every second block
    widening: float
    normed: bool  # norms behind the way in and the way out
    groups: int
    dropout: float
    deterministic: bool
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        drop = lambda h: nn.Dropout(self.dropout, deterministic=self.deterministic)(h)
        norm = lambda name, h: GroupNorm(self.groups, EPSILON, name=name)(h)
        point = lambda name, h, features: conv(h, features, 1, name, dtype=self.dtype)
        h = point("in", x, self.features)
        h = norm("in_norm", h) if self.normed else h
        for i in range(self.depth):
            attend = WindowAttention(
                self.heads, self.window, self.shift if i % 2 else 0, self.dtype, name=f"block{i}_attention"
            )
            h = h + drop(attend(norm(f"block{i}_norm_in", h)))
            wide = point(f"block{i}_widen", norm(f"block{i}_norm_out", h), int(self.features * self.widening))
            wide = drop(nn.gelu(wide, approximate=False))
            h = h + drop(point(f"block{i}_narrow", wide, self.features))
        h = point("out", h, x.shape[-1])
        return norm("out_norm", h) if self.normed else h


class SwinUNet(nn.Module):
    """(x [B, H, W, C], t [B], told [B, f H, f W, K]) -> [B, H, W, out_channels].

    `told` is what was measured, f a power of 2: halved log2(f) times, it is seen beside the state; at the state's size
    it is seen as it is. t is an unscaled index. `side` is that of states in training; `attention` names sides of
    features at that size, each of whose levels has Swin blocks after its first residual block, on the way down and up.
    The middle always has. Sides must be multiples of `multiple`.
    """

    out_channels: int = 3
    side: int = 64
    features: int = 160
    multipliers: Sequence[float] = (1, 2, 2, 4)
    blocks: Sequence[int] = (2, 2, 2, 2)  # residual blocks of each level
    attention: Sequence[int] = (64, 32, 16, 8)
    heads: int = 1
    head_channels: int = 32  # -1: as many heads as `heads` says; else heads of this width
    swin_features: int = 192
    swin_depth: int = 2
    window: int = 8
    widening: float = 4.0
    normed: bool = False
    scale_shift: bool = True
    resample_in_blocks: bool = False
    resample_with_conv: bool = True  # where it is not done in blocks
    groups: int = 32
    dropout: float = 0.0
    deterministic: bool = True
    dtype: Dtype = jnp.float32
    remat: bool = False

    def window_at(self, level: int) -> tuple[int, int]:
        """Window and shift: features that are no larger than a window are one, which does not move."""
        side = self.side // 2**level
        return (side, 0) if side <= self.window else (self.window, self.window // 2)

    @property
    def multiple(self) -> int:
        """What heights and widths of states must be multiples of."""
        last = len(self.multipliers) - 1
        attended = [level for level in range(last) if self.side // 2**level in self.attention]
        return int(np.lcm.reduce([self.window_at(level)[0] * 2**level for level in [*attended, last]]))

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, told: jax.Array) -> jax.Array:
        self.check(x)
        wide = 4 * self.features
        embedding = dense(nn.silu(dense(cosine_first(t, self.features), wide, "time_in")), wide, "time_out")
        embedding, residual = embedding.astype(self.dtype), nn.remat(ResidualBlock) if self.remat else ResidualBlock

        def block(name: str, h: jax.Array, width: int, resample: str = "none") -> jax.Array:
            options = (self.groups, resample, self.scale_shift, self.dropout, self.deterministic, self.dtype)
            return residual(width, *options, name=name)(h, embedding)

        def attend(name: str, h: jax.Array, level: int) -> jax.Array:
            heads = self.heads if self.head_channels == -1 else self.swin_features // self.head_channels
            window, shift = self.window_at(level)
            return SwinBlocks(
                self.swin_features, self.swin_depth, heads, window, shift, self.widening, self.normed, self.groups,
                self.dropout, self.deterministic, self.dtype, name=name,
            )(h)  # fmt: skip

        widths = [int(multiplier * self.features) for multiplier in self.multipliers]
        attended = [self.side // 2**level in self.attention for level in range(len(widths))]
        h = jnp.concatenate([x.astype(self.dtype), self.seen(told, x.shape[1])], axis=-1)
        skips = [conv(h, widths[0], 3, "stem", dtype=self.dtype)]
        for level, width in enumerate(widths):
            for i in range(self.blocks[level]):
                h = block(f"down{level}_block{i}", skips[-1], width)
                skips.append(attend(f"down{level}_swin", h, level) if attended[level] and i == 0 else h)
            if level < len(widths) - 1:
                skips.append(self.resampled("halve", f"down{level}_reduce", skips[-1], block))

        h = block("middle_block0", skips[-1], widths[-1])
        h = block("middle_block1", attend("middle_swin", h, len(widths) - 1), widths[-1])

        for level, width in reversed(list(enumerate(widths))):
            for i in range(self.blocks[level] + 1):
                h = block(f"up{level}_block{i}", jnp.concatenate([h, skips.pop()], axis=-1), width)
                if attended[level] and i == 0:
                    h = attend(f"up{level}_swin", h, level)
            if level:
                h = self.resampled("double", f"up{level}_enlarge", h, block)
        h = nn.silu(GroupNorm(self.groups, EPSILON, name="out_norm")(h.astype(x.dtype)))
        return conv(h, self.out_channels, 3, "out", dtype=x.dtype)

    def seen(self, told: jax.Array, height: int) -> jax.Array:
        """What was measured, at the size of the state."""
        h, width = told.astype(self.dtype), 16
        for i in range((told.shape[1] // height).bit_length() - 1):
            h = nn.silu(conv(h, width, 3, f"told{i}_in", dtype=self.dtype))
            width = 2 * width
            h = conv(h, width, 3, f"told{i}_reduce", stride=2, padding=1, dtype=self.dtype)
        return h

    def resampled(self, way: str, name: str, h: jax.Array, block: Callable[..., jax.Array]) -> jax.Array:
        """Halved or doubled."""
        if self.resample_in_blocks:
            return block(name, h, h.shape[-1], way)
        if way == "double":
            h = fir.repeat(h)
            return conv(h, h.shape[-1], 3, name, dtype=self.dtype) if self.resample_with_conv else h
        if not self.resample_with_conv:
            return fir.mean(h)
        return conv(h, h.shape[-1], 3, name, stride=2, padding=1, dtype=self.dtype)

    def check(self, x: jax.Array) -> None:
        """Raise, before anything is computed, for sizes that cannot work."""
        if len(self.blocks) != len(self.multipliers):
            raise ValueError(f"blocks of {len(self.multipliers)} levels are wanted, got {self.blocks}")
        heads = self.heads if self.head_channels == -1 else self.swin_features // self.head_channels
        if heads < 1 or self.swin_features % heads:
            raise ValueError(f"{self.swin_features} channels cannot be divided among {heads} heads of attention")
        if x.shape[1] % self.multiple or x.shape[2] % self.multiple:
            raise ValueError(
                f"states of {x.shape[1]}x{x.shape[2]} cannot be cut into windows of {self.window} at every level; use "
                f"sides that are multiples of {self.multiple}"
            )
