"""The residual networks of SNGAN for 32x32 images.

Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018, arXiv 1802.05957, tables 4 and
5. With classes: a normalisation of each class in the generator (Dumoulin et al., arXiv 1610.07629) and a projection in
the critic (Miyato, Koyama, arXiv 1802.05637, equation 5).
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.dcgan import batch_norm, planes
from dgan_jax.nets.spectral import SpectralConv, SpectralDense, SpectralEmbedding
from dgan_jax.ops import fir

xavier = nn.initializers.xavier_uniform()
# The official code starts the two wide convolutions of a block with a gain of sqrt 2.
wide = nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")


class Norm(nn.Module):
    """Batch normalisation; with `classes` its gain and shift are those of `label` [B]."""

    classes: int = 0
    epsilon: float = 1e-5
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, label: jax.Array | None, train: bool) -> jax.Array:
        if not self.classes:
            return batch_norm(x, train, self.axis_name, "norm", epsilon=self.epsilon)
        assert label is not None
        layer = nn.BatchNorm(
            use_running_average=not train, momentum=0.9, epsilon=self.epsilon, axis_name=self.axis_name,
            use_scale=False, use_bias=False, use_fast_variance=False, name="norm",
        )  # fmt: skip
        shape = (self.classes, x.shape[-1])
        scale = self.param("scale", nn.initializers.ones, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        return layer(x) * scale[label][:, None, None, :] + bias[label][:, None, None, :]


class UpBlock(nn.Module):
    """[B, H, W, C] -> [B, 2H, 2W, features]."""

    features: int
    classes: int = 0
    epsilon: float = 1e-5
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, label: jax.Array | None, train: bool) -> jax.Array:
        norm = lambda h, name: nn.relu(Norm(self.classes, self.epsilon, self.axis_name, name=name)(h, label, train))
        conv = lambda name, size, init: nn.Conv(self.features, (size, size), kernel_init=init, name=name)
        h = conv("conv_in", 3, wide)(fir.repeat(norm(x, "norm_in")))
        h = conv("conv_out", 3, wide)(norm(h, "norm_out"))
        return h + conv("skip", 1, xavier)(fir.repeat(x))


class Generator(nn.Module):
    """z [B, Z] -> images [B, 8 bottom, 8 bottom, channels] in [-1, 1]. Published: features 256, Z 128, bottom 4.

    `epsilon`: 2e-5 in the official code, 1e-5 in its PyTorch twin. `train`: by the statistics of the batch.
    """

    features: int = 256
    bottom: int = 4
    channels: int = 3
    classes: int = 0
    epsilon: float = 2e-5
    axis_name: str | None = None

    @nn.compact
    def __call__(self, z: jax.Array, label: jax.Array | None = None, train: bool = False) -> jax.Array:
        h = planes(nn.Dense(self.bottom**2 * self.features, kernel_init=xavier, name="dense")(z), self.bottom)
        for i in range(3):
            block = UpBlock(self.features, self.classes, self.epsilon, self.axis_name, name=f"block_{i}")
            h = block(h, label, train)
        h = nn.relu(batch_norm(h, train, self.axis_name, "norm", epsilon=self.epsilon))
        return jnp.tanh(nn.Conv(self.channels, (3, 3), kernel_init=xavier, name="out")(h))


class Critic(nn.Module):
    """Images [B, H, W, C] -> logits [B], the weights spectrally normalised. Published: features 128.

    With `classes` the inner product of `label`'s vector with the pooled features is added. `update`: one step of power
    iteration.
    """

    features: int = 128
    classes: int = 0
    normalise: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, label: jax.Array | None = None, update: bool = False) -> jax.Array:
        h = self.block(x, 0, update, halve=True, first=True)
        for i in (1, 2, 3):
            h = self.block(h, i, update, halve=i == 1)
        h = nn.relu(h).sum((1, 2))  # not the mean
        out = SpectralDense(1, use_bias=False, normalise=self.normalise, name="out")(h, update)[:, 0]
        if self.classes:
            assert label is not None
            embed = SpectralEmbedding(
                self.features, use_bias=False, normalise=self.normalise, classes=self.classes, name="embed"
            )
            out = out + jnp.sum(embed(label, update) * h, axis=1)
        return out

    def block(self, x: jax.Array, number: int, update: bool, *, halve: bool, first: bool = False) -> jax.Array:
        """A residual block; the first has no activation in front and pools before its shortcut, not after it."""

        def conv(h: jax.Array, name: str, size: int, init: nn.initializers.Initializer) -> jax.Array:
            layer = SpectralConv(
                self.features, normalise=self.normalise, kernel_init=init, size=size, padding=size // 2,
                name=f"block_{number}_{name}",
            )  # fmt: skip
            return layer(h, update)

        h = conv(x if first else nn.relu(x), "conv_in", 3, wide)
        h = conv(nn.relu(h), "conv_out", 3, wide)
        if not halve:
            return h + x
        skip = conv(fir.mean(x), "skip", 1, xavier) if first else fir.mean(conv(x, "skip", 1, xavier))
        return fir.mean(h) + skip
