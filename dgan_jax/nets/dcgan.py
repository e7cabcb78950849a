"""The networks of DCGAN, and of the small DCGAN that spectral normalisation is compared on.

Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional GANs", ICLR 2016, arXiv
1511.06434, in the form of PyTorch's example (64x64, no biases); Miyato et al., arXiv 1802.05957, table 3 (32x32), in
the form of the code of DGflow (Ansari et al., arXiv 2012.00780), which differs from the table in which layer widens.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.spectral import SpectralConv, SpectralDense

normal = nn.initializers.normal(0.02)


def gain(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> jax.Array:
    """Gains of normalisation start as N(1, 0.02)."""
    return 1 + 0.02 * jax.random.normal(key, shape, dtype)


def batch_norm(
    x: jax.Array, train: bool, axis_name: str | None, name: str, *, epsilon: float = 1e-5,
    scale_init: nn.initializers.Initializer = nn.initializers.ones,
) -> jax.Array:  # fmt: skip
    """[..., C] by the statistics of the batch (over all devices of `axis_name`), noted in "batch_stats", or by these.

    The noted variance is the biased one, PyTorch's is not.
    """
    layer = nn.BatchNorm(
        use_running_average=not train, momentum=0.9, epsilon=epsilon, axis_name=axis_name, scale_init=scale_init,
        use_fast_variance=False, name=name,
    )  # fmt: skip
    return layer(x)


def transposed(
    x: jax.Array, features: int, name: str, *, size: int = 4, stride: int = 2, padding: int = 1, bias: bool = False,
    kernel_init: nn.initializers.Initializer = normal,
) -> jax.Array:  # fmt: skip
    """A transposed convolution: what the gradient of a convolution of `size`, `stride` and `padding` computes."""
    pad = size - 1 - padding
    layer = nn.ConvTranspose(
        features, (size, size), (stride, stride), ((pad, pad), (pad, pad)), transpose_kernel=True, use_bias=bias,
        kernel_init=kernel_init, name=name,
    )  # fmt: skip
    return layer(x)


def planes(x: jax.Array, side: int) -> jax.Array:
    """[B, C side side], channels first as published, -> [B, side, side, C]."""
    return x.reshape(x.shape[0], -1, side, side).transpose(0, 2, 3, 1)


def flattened(x: jax.Array) -> jax.Array:
    """The inverse of `planes`."""
    return x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)


class Generator(nn.Module):
    """z [B, Z] (with labels: any vector) -> images [B, S, S, channels] in [-1, 1], S = 4 * 2^levels.

    Published: levels 4 (64x64), features 64, Z 100. `train`: by the statistics of the batch.
    """

    features: int = 64
    levels: int = 4
    channels: int = 3
    axis_name: str | None = None

    @nn.compact
    def __call__(self, z: jax.Array, train: bool = False) -> jax.Array:
        norm = lambda x, name: batch_norm(x, train, self.axis_name, name, scale_init=gain)
        width = self.features * 2 ** (self.levels - 1)
        h = transposed(z[:, None, None, :], width, "conv_0", stride=1, padding=0)
        for i in range(1, self.levels):
            h = transposed(nn.relu(norm(h, f"norm_{i - 1}")), width // 2**i, f"conv_{i}")
        h = nn.relu(norm(h, f"norm_{self.levels - 1}"))
        return jnp.tanh(transposed(h, self.channels, f"conv_{self.levels}"))


class Critic(nn.Module):
    """Images [B, S, S, C] -> logits [B], S = 4 * 2^levels. The published network ends in a sigmoid, which is left to
    the losses. `label` [B, S, S, K] enters beside the image."""

    features: int = 64
    levels: int = 4
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        def conv(h: jax.Array, features: int, name: str, stride: int = 2, padding: int = 1) -> jax.Array:
            layer = nn.Conv(features, (4, 4), stride, padding=padding, use_bias=False, kernel_init=normal, name=name)
            return layer(h)

        h = nn.leaky_relu(conv(x, self.features, "conv_0"), 0.2)
        for i in range(1, self.levels):
            h = conv(h, self.features * 2**i, f"conv_{i}")
            h = nn.leaky_relu(batch_norm(h, train, self.axis_name, f"norm_{i}", scale_init=gain), 0.2)
        return conv(h, 1, f"conv_{self.levels}", stride=1, padding=0).reshape(x.shape[0])


class SmallGenerator(nn.Module):
    """z [B, Z] -> images [B, 8 bottom, 8 bottom, channels] in [-1, 1]. Published: Z 128, features 512, bottom 4."""

    features: int = 512
    bottom: int = 4
    channels: int = 3
    epsilon: float = 2e-5
    axis_name: str | None = None

    @nn.compact
    def __call__(self, z: jax.Array, train: bool = False) -> jax.Array:
        norm = lambda x, name: nn.relu(batch_norm(x, train, self.axis_name, name, epsilon=self.epsilon))
        # Statistics of the flat vector: one mean for each feature of each place.
        h = nn.Dense(self.bottom**2 * self.features, kernel_init=normal, name="dense")(z)
        h = planes(norm(h, "norm_0"), self.bottom)
        for i in (1, 2, 3):
            h = norm(transposed(h, self.features // 2**i, f"conv_{i}", bias=True), f"norm_{i}")
        return jnp.tanh(transposed(h, self.channels, "conv_4", size=3, stride=1, bias=True))


class SmallCritic(nn.Module):
    """Images [B, 8 bottom, 8 bottom, C] -> logits [B] by spectrally normalised layers. Published: features 512.

    `update`: one step of power iteration.
    """

    features: int = 512
    bottom: int = 4
    normalise: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, update: bool = False) -> jax.Array:
        h = x
        for i in range(3):
            width = self.features // 2 ** (3 - i)
            h = self.conv(h, width, f"conv_{i}_0", 3, 1, update)
            h = self.conv(h, 2 * width, f"conv_{i}_1", 4, 2, update)
        h = flattened(self.conv(h, self.features, "conv_3_0", 3, 1, update))
        out = SpectralDense(1, normalise=self.normalise, kernel_init=normal, name="out")
        return out(h, update)[:, 0]

    def conv(self, x: jax.Array, features: int, name: str, size: int, stride: int, update: bool) -> jax.Array:
        """A normalised convolution and a leaky ReLU."""
        layer = SpectralConv(
            features, normalise=self.normalise, kernel_init=normal, size=size, stride=stride, name=name
        )
        return nn.leaky_relu(layer(x, update), 0.2)
