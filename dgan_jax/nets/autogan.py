"""Generators found by AutoGAN's search for 32x32 images; their critic is SNGAN's.

Gong, Chang, Jiang, Wang, "AutoGAN: Neural Architecture Search for Generative Adversarial Networks", ICCV 2019, arXiv
1908.03835, figure 4 (A) and the other two of the published code (B, C).
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.core.names import lookup
from dgan_jax.nets.dcgan import batch_norm, planes
from dgan_jax.ops import fir

xavier = nn.initializers.xavier_uniform()


class Genes(NamedTuple):
    """What the search decides of a cell."""

    up: str  # nearest or bilinear
    shortcut: bool
    norm: bool = False


ARCHITECTURES = {
    "a": (Genes("nearest", True), Genes("bilinear", True), Genes("nearest", False)),
    "b": (Genes("nearest", True), Genes("nearest", True), Genes("nearest", True)),
    "c": (Genes("nearest", True, norm=True), Genes("bilinear", True), Genes("nearest", False)),
}


def enlarged(x: jax.Array, side: int, mode: str) -> jax.Array:
    """[B, H, W, C] -> [B, side, side, C], side a power of two times H; bilinear with half-pixel centres."""
    if mode == "bilinear":
        return jax.image.resize(x, (x.shape[0], side, side, x.shape[-1]), "bilinear")
    while x.shape[1] < side:
        x = fir.repeat(x)
    return x


class Cell(nn.Module):
    """x [B, H, W, C] and what earlier cells keep for later ones -> (kept for later, [B, 2H, 2W, features])."""

    features: int
    genes: Genes
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, earlier: Sequence[jax.Array], train: bool) -> tuple[jax.Array, jax.Array]:
        norm = lambda h, name: batch_norm(h, train, self.axis_name, name) if self.genes.norm else h
        conv = lambda name, size: nn.Conv(self.features, (size, size), kernel_init=xavier, name=name)
        up = lambda h: enlarged(h, 2 * x.shape[1], self.genes.up)
        h = conv("conv_in", 3)(up(nn.relu(norm(x, "norm_in"))))
        for i, kept in enumerate(earlier):
            h = h + conv(f"from_{i}", 1)(up(kept))
        out = conv("conv_out", 3)(nn.relu(norm(h, "norm_out")))
        # What later cells get is the sum, not the convolution alone: the published code adds in place.
        return h, out + conv("skip", 1)(up(x)) if self.genes.shortcut else out


class Generator(nn.Module):
    """z [B, Z] -> images [B, 8 bottom, 8 bottom, channels] in [-1, 1]. Published: features 256, Z 128, bottom 4."""

    architecture: str = "a"
    features: int = 256
    bottom: int = 4
    channels: int = 3
    axis_name: str | None = None

    @nn.compact
    def __call__(self, z: jax.Array, train: bool = False) -> jax.Array:
        h = planes(nn.Dense(self.bottom**2 * self.features, kernel_init=xavier, name="dense")(z), self.bottom)
        kept: list[jax.Array] = []
        for i, genes in enumerate(lookup("architecture", self.architecture, ARCHITECTURES)):
            own, h = Cell(self.features, genes, self.axis_name, name=f"cell_{i}")(h, kept, train)
            kept.append(own)
        h = nn.relu(batch_norm(h, train, self.axis_name, "norm"))
        return jnp.tanh(nn.Conv(self.channels, (3, 3), kernel_init=xavier, name="out")(h))
