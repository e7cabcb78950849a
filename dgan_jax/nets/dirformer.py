"""The restorer of DiffIR: a U-net of transformer blocks that attend across channels, modulated by a prior vector.

Xia et al., "DiffIR: Efficient Diffusion Model for Image Restoration", ICCV 2023, arXiv 2303.09472, on the blocks of
Restormer (Zamir et al., CVPR 2022, arXiv 2111.09881).
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.core.names import unknown
from dgan_jax.nets.fan_in import Dtype, bias_init, conv, dense, kernel_init
from dgan_jax.ops.depthwise import depthwise
from dgan_jax.ops.patches import channels_first as unshuffle
from dgan_jax.ops.patches import from_channels_first as shuffle

TAILS = ("direct", "residual", "enlarge")


class PixelwiseNorm(nn.Module):
    """Layer norm over the channels of each pixel. [B, H, W, C] -> [B, H, W, C].

    Without a bias the mean is not taken off either, though the variance is that about the mean.
    """

    bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        wide, channels = x.astype(jnp.float32), x.shape[-1:]
        gain = self.param("scale", nn.initializers.ones, channels)
        centred = wide - wide.mean(-1, keepdims=True)
        deviation = jnp.sqrt(jnp.square(centred).mean(-1, keepdims=True) + 1e-5)
        if not self.bias:
            return (wide / deviation * gain).astype(x.dtype)
        shift = self.param("bias", nn.initializers.zeros, channels)
        return (centred / deviation * gain + shift).astype(x.dtype)


class Depthwise(nn.Module):
    """Depthwise 3x3 convolution. [B, H, W, C] -> [B, H, W, C]."""

    bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        x = depthwise(x, self.param("kernel", kernel_init, (3, 3, 1, channels)).astype(x.dtype))
        return x + self.param("bias", bias_init(9), (channels,)).astype(x.dtype) if self.bias else x


def modulated(x: jax.Array, prior: jax.Array, dtype: Dtype) -> jax.Array:
    """x times one linear function of the prior, plus another. x: [B, H, W, C], prior: [B, D]."""
    both = dense(prior, 2 * x.shape[-1], "modulation", bias=False, dtype=dtype)[:, None, None, :]
    # The scale has no implicit 1.
    scale, shift = jnp.split(both, 2, axis=-1)
    return x * scale + shift


def unit(x: jax.Array) -> jax.Array:
    """x [B, N, heads, C] divided by its Euclidean norm over the N pixels, in float32."""
    x = x.astype(jnp.float32)
    norm = jnp.sqrt(jnp.sum(jnp.square(x), axis=1, keepdims=True))
    return x / jnp.maximum(norm, 1e-12)


class ChannelAttention(nn.Module):
    """Attention between the channels of each head, over all pixels. x: [B, H, W, C], prior: [B, D] -> [B, H, W, C]."""

    heads: int
    bias: bool = False
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, prior: jax.Array) -> jax.Array:
        shape, channels = x.shape, x.shape[-1]
        x = conv(modulated(x, prior, self.dtype), 3 * channels, 1, "qkv", bias=self.bias, dtype=self.dtype)
        x = Depthwise(self.bias, name="qkv_depthwise")(x)
        cut = lambda part: part.reshape(shape[0], -1, self.heads, channels // self.heads)
        q, k, v = map(cut, jnp.split(x, 3, axis=-1))
        temperature = self.param("temperature", nn.initializers.ones, (1, 1, self.heads)).reshape(-1, 1, 1)
        logits = temperature * jnp.einsum("bnhc,bnhd->bhcd", unit(q), unit(k))
        h = jnp.einsum("bhcd,bnhd->bnhc", nn.softmax(logits).astype(self.dtype), v).reshape(shape)
        return conv(h, channels, 1, "out", bias=self.bias, dtype=self.dtype)


class GatedFeedForward(nn.Module):
    """Two convolved halves, one gating the other. x: [B, H, W, C], prior: [B, D] -> [B, H, W, C]."""

    expansion: float
    bias: bool = False
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, prior: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        hidden = 2 * int(channels * self.expansion)
        h = conv(modulated(x, prior, self.dtype), hidden, 1, "in", bias=self.bias, dtype=self.dtype)
        gate, h = jnp.split(Depthwise(self.bias, name="depthwise")(h), 2, axis=-1)
        return conv(nn.gelu(gate, approximate=False) * h, channels, 1, "out", bias=self.bias, dtype=self.dtype)


class Block(nn.Module):
    """Channel attention and feed-forward, each behind a norm and with a skip. x: [B, H, W, C], prior: [B, D]."""

    heads: int
    expansion: float
    norm_bias: bool = True
    bias: bool = False
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, prior: jax.Array) -> jax.Array:
        attention = ChannelAttention(self.heads, self.bias, self.dtype, name="attention")
        x = x + attention(PixelwiseNorm(self.norm_bias, name="norm_attention")(x), prior)
        feed_forward = GatedFeedForward(self.expansion, self.bias, self.dtype, name="feed_forward")
        return x + feed_forward(PixelwiseNorm(self.norm_bias, name="norm_feed_forward")(x), prior)


class DIRformer(nn.Module):
    """(x [B, H, W, K], prior [B, D]) -> image [B, H, W, out_channels], enlarged by 4 / unshuffle if `tail` says so.

    Sides of x must be multiples of 8 * unshuffle. `tail`: "direct" (the image, for inpainting), "residual" (added to
    x, for deblurring) or "enlarge" (two pixel shuffles, added to the nearest-neighbour enlargement of x). Activations
    are of type `dtype`; parameters, norms and softmax are float32.
    """

    dim: int = 52  # width of the first level; it doubles with each
    blocks: Sequence[int] = (1, 1, 1, 9)  # per level, on the way down and again on the way up
    refinement: int = 0  # further blocks at full resolution
    heads: Sequence[int] = (1, 2, 4, 8)
    expansion: float = 1.8  # hidden width of the feed-forward layers, in units of the channels
    norm_bias: bool = True
    bias: bool = False
    unshuffle: int = 1
    tail: str = "direct"
    embed_skip: bool = False  # a 1x1 path from the embedding to the tail
    out_channels: int = 3
    dtype: Dtype = jnp.float32
    remat: bool = False  # recompute blocks in the backward pass

    @nn.compact
    def __call__(self, x: jax.Array, prior: jax.Array) -> jax.Array:
        self.check(x)
        dtype = self.dtype
        block = nn.remat(Block) if self.remat else Block

        def blocks(role: str, h: jax.Array, level: int, count: int) -> jax.Array:
            options = (self.heads[level], self.expansion, self.norm_bias, self.bias, dtype)
            for i in range(count):
                h = block(*options, name=f"{role}_{i}")(h, prior)
            return h

        plain = lambda h, features, size, name: conv(h, features, size, name, bias=False, dtype=dtype)
        h = embedded = plain(unshuffle(x, self.unshuffle).astype(dtype), self.dim, 3, "embed")
        prior = prior.astype(dtype)
        skips = []
        for level in range(3):
            h = blocks(f"encoder{level + 1}", h, level, self.blocks[level])
            skips.append(h)
            h = unshuffle(plain(h, h.shape[-1] // 2, 3, f"down{level + 1}"), 2)
        h = blocks("latent", h, 3, self.blocks[3])
        for level in reversed(range(3)):
            h = shuffle(plain(h, 2 * h.shape[-1], 3, f"up{level + 2}"), 2)
            h = jnp.concatenate([h, skips[level]], axis=-1)
            if level:  # the first level keeps both halves
                h = conv(h, h.shape[-1] // 2, 1, f"reduce{level + 1}", bias=self.bias, dtype=dtype)
            h = blocks(f"decoder{level + 1}", h, level, self.blocks[level])
        h = blocks("refinement", h, 0, self.refinement)
        if self.embed_skip:
            h = h + conv(embedded, h.shape[-1], 1, "embed_skip", bias=self.bias, dtype=dtype)
        return self.finish(h, x).astype(jnp.float32)

    def finish(self, h: jax.Array, x: jax.Array) -> jax.Array:
        """The tail: h [B, H', W', 2 dim] and the input x -> image."""
        if self.tail == "enlarge":
            width = h.shape[-1]
            for i in range(2):
                h = shuffle(conv(h, 4 * width, 3, f"enlarge{i}", dtype=self.dtype), 2)
            large = jnp.repeat(jnp.repeat(x, 4 // self.unshuffle, axis=1), 4 // self.unshuffle, axis=2)
            return conv(h, self.out_channels, 3, "output", dtype=self.dtype) + large
        image = conv(h, self.out_channels, 3, "output", bias=self.bias, dtype=self.dtype)
        return image + x if self.tail == "residual" else image

    def check(self, x: jax.Array) -> None:
        if self.tail not in TAILS:
            raise unknown("tail", self.tail, TAILS)
        if self.unshuffle not in (1, 2, 4) or (self.unshuffle > 1 and self.tail != "enlarge"):
            raise ValueError(f"unshuffle must be 1, or 2 or 4 to enlarge; got {self.unshuffle} with tail {self.tail!r}")
        multiple = 8 * self.unshuffle
        if x.shape[1] % multiple or x.shape[2] % multiple:
            raise ValueError(f"heights and widths must be multiples of {multiple}, got {x.shape[1]}x{x.shape[2]}")
