"""Layers whose weights are divided by their largest singular value.

Miyato, Kataoka, Koyama, Yoshida, "Spectral Normalization for Generative Adversarial Networks", ICLR 2018, arXiv
1802.05957, algorithm 1. The singular vectors u, v are followed by one step of power iteration a training call; they are
in the collection "spectral", so `update=True` needs it mutable. Gradients flow through the weights in u W v alone.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

Padding = int | Sequence[tuple[int, int]]


def unit(x: jax.Array) -> jax.Array:
    """The vector at length 1."""
    return x / jnp.maximum(jnp.linalg.norm(x), 1e-12)


def followed(matrix: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(u, v) after a step of power iteration. matrix: [out, rest], u: [out]."""
    v = unit(matrix.T @ u)
    return unit(matrix @ v), v


class Spectral(nn.Module):
    """Common to both layers: a kernel [..., out] over its largest singular value."""

    features: int
    use_bias: bool = True
    normalise: bool = True  # False: a plain layer, for comparisons
    kernel_init: nn.initializers.Initializer = nn.initializers.xavier_uniform()

    def weights(self, shape: tuple[int, ...], update: bool) -> tuple[jax.Array, jax.Array | float]:
        """The divided kernel and the bias, inside the compact method of a layer."""
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,)) if self.use_bias else 0.0
        if not self.normalise:
            return kernel, bias
        matrix = jnp.reshape(kernel, (-1, self.features)).T
        still = jax.lax.stop_gradient(matrix)
        start = lambda: followed(still, unit(jax.random.normal(self.make_rng("params"), (self.features,))))
        u = self.variable("spectral", "u", lambda: start()[0])
        v = self.variable("spectral", "v", lambda: followed(still, u.value)[1])
        if update and not self.is_initializing():
            u.value, v.value = followed(still, u.value)
        return kernel / (u.value @ (matrix @ v.value)), bias


class SpectralConv(Spectral):
    """[B, H, W, C] -> [B, H', W', features]; `padding` is that of both sides, or pairs."""

    size: int = 3
    stride: int = 1
    padding: Padding = 1

    @nn.compact
    def __call__(self, x: jax.Array, update: bool = False) -> jax.Array:
        kernel, bias = self.weights((self.size, self.size, x.shape[-1], self.features), update)
        pads = [(self.padding, self.padding)] * 2 if isinstance(self.padding, int) else list(self.padding)
        y = jax.lax.conv_general_dilated(
            x, kernel, (self.stride, self.stride), pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return y + bias


class SpectralDense(Spectral):
    """[..., C] -> [..., features]."""

    @nn.compact
    def __call__(self, x: jax.Array, update: bool = False) -> jax.Array:
        kernel, bias = self.weights((x.shape[-1], self.features), update)
        return x @ kernel + bias


class SpectralEmbedding(Spectral):
    """Classes [B] integer -> [B, features]: rows of a table [classes, features] over its largest singular value."""

    classes: int = 10

    @nn.compact
    def __call__(self, label: jax.Array, update: bool = False) -> jax.Array:
        kernel, _ = self.weights((self.classes, self.features), update)
        return kernel[label]
