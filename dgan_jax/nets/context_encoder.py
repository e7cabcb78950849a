"""The networks of Context Encoders: from what surrounds a hole, through a narrow waist, to what is in it.

Pathak et al., "Context Encoders: Feature Learning by Inpainting", CVPR 2016, arXiv 1604.07379; without biases, since
the released code sets those of convolutions to zero at each step. Published: side 128, features 64, bottleneck 4000,
71,124,544 and 2,765,568 parameters.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.dcgan import batch_norm, gain, normal, transposed


def widths(features: int, levels: int) -> list[int]:
    """Of each halving: the last four double, those before them are as wide as the first of these."""
    return [features * 2 ** max(0, i - max(0, levels - 4)) for i in range(levels)]


def halved(x: jax.Array, features: int, name: str) -> jax.Array:
    """A convolution of 4x4 that halves the size."""
    return nn.Conv(features, (4, 4), 2, padding=1, use_bias=False, kernel_init=normal, name=name)(x)


class ChannelwiseDense(nn.Module):
    """[B, H, W, C] -> [B, H, W, C]: each channel's plane through a dense layer of its own (section 3.1 of the paper).

    A convolution has to follow, for channels to learn of one another.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        places, channels = x.shape[1] * x.shape[2], x.shape[3]
        kernel = self.param("kernel", normal, (channels, places, places))
        bias = self.param("bias", nn.initializers.zeros, (places, channels))
        flat = jnp.einsum("bpc,cpq->bqc", x.reshape(-1, places, channels), kernel) + bias
        return flat.reshape(x.shape)


class Generator(nn.Module):
    """Images [B, S, S, C] in [-1, 1], S = 4 * 2^levels, the hole filled with a colour -> what belongs into the middle,
    [B, S/2, S/2, C], or, `whole`, into all of the image.

    bottleneck: channels of the waist of one pixel, as released; 0: the channel-wise dense layer of the paper. `train`:
    by the statistics of the batch.
    """

    features: int = 64
    decoder_features: int = 64
    bottleneck: int = 4000
    levels: int = 5
    channels: int = 3
    whole: bool = False
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        norm = lambda x, name: batch_norm(x, train, self.axis_name, name, scale_init=gain)
        leaky = lambda x: nn.leaky_relu(x, 0.2)
        h = x
        for i, width in enumerate(widths(self.features, self.levels)):
            h = halved(h, width, f"encode_{i}")
            h = leaky(norm(h, f"encode_norm_{i}") if i else h)
        steps = widths(self.decoder_features, self.levels if self.whole else self.levels - 1)[::-1]
        if self.bottleneck:
            layer = nn.Conv(
                self.bottleneck, (4, 4), padding="VALID", use_bias=False, kernel_init=normal, name="bottleneck"
            )
            h = leaky(norm(layer(h), "bottleneck_norm"))
            h = transposed(h, steps[0], "decode_0", stride=1, padding=0)
        else:
            h = leaky(ChannelwiseDense(name="bottleneck")(h))
            h = nn.Conv(steps[0], (1, 1), use_bias=False, kernel_init=normal, name="decode_0")(h)
        for i, width in enumerate(steps[1:], start=1):
            h = transposed(nn.relu(norm(h, f"decode_norm_{i - 1}")), width, f"decode_{i}")
        h = nn.relu(norm(h, f"decode_norm_{len(steps) - 1}"))
        return jnp.tanh(transposed(h, self.channels, f"decode_{len(steps)}"))


class Critic(nn.Module):
    """Images [B, S, S, C] -> logits [B], S = 4 * 2^levels; the published sigmoid is left to the losses."""

    features: int = 64
    levels: int = 4
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        h = x
        for i, width in enumerate(widths(self.features, self.levels)):
            h = halved(h, width, f"conv_{i}")
            if i:
                h = batch_norm(h, train, self.axis_name, f"norm_{i}", scale_init=gain)
            h = nn.leaky_relu(h, 0.2)
        last = nn.Conv(1, (4, 4), padding="VALID", use_bias=False, kernel_init=normal, name=f"conv_{self.levels}")
        return last(h).reshape(x.shape[0])
