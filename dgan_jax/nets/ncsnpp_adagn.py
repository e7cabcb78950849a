"""The generator of denoising diffusion-GANs: NCSN++ with group norms that the latent modulates.

Xiao et al., arXiv 2112.07804, on the U-net of Song et al., arXiv 2011.13456. Submodules are numbered in the order of
the published module list, so that its checkpoints convert by name.
"""

import itertools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.core.names import lookup
from dgan_jax.nets.adagn_blocks import AdaptiveNorm, AffineNorm, LatentMapping, Resample, ResidualBlock
from dgan_jax.nets.ncsnpp import Walk, resamplers

__all__ = ["BLOCKS", "NCSNpp", "resamplers"]

# By kind of block: its second norm, and the scale of its skip convolution's initialisation.
BLOCKS = {"biggan": (AdaptiveNorm, 1.0), "biggan_oneadagn": (AffineNorm, 1.0), "ddpm": (AdaptiveNorm, 0.1)}


class NCSNpp(Walk):
    """(x [B, H, W, C], t [B] integer, z [B, Z], condition [B, H, W, K] or None) -> x0 [B, H, W, out_channels].

    Condition channels stand behind those of x. `block` may also be biggan_oneadagn, whose second norm is affine.
    """

    latent_layers: int = 3
    latent_embedding: int = 256
    tanh: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, z: jax.Array, condition: jax.Array | None = None) -> jax.Array:
        self.check(x)
        out_dtype = x.dtype
        counter = itertools.count()
        named = lambda role: f"{next(counter):02d}_{role}"
        time = self.embed(t, named)
        w = LatentMapping(self.latent_embedding, self.latent_layers, self.dtype, name="latent")(z)
        residual_block = nn.remat(ResidualBlock) if self.remat else ResidualBlock
        second_norm, skip_scale = lookup("block", self.block, BLOCKS)

        def block(role: str, h: jax.Array, features: int, resample: Resample | None) -> jax.Array:
            options = (second_norm, skip_scale, self.rescale, self.dropout, self.deterministic, self.dtype)
            return residual_block(features, resample, *options, name=named(role))(h, time, w)

        if condition is not None:
            x = jnp.concatenate([x, condition.astype(x.dtype)], axis=-1)
        h = self.walk(x, named, block).astype(out_dtype)
        return jnp.tanh(h) if self.tanh else h

    def options(self) -> Mapping[str, Sequence[str]]:
        return {**super().options(), "block": tuple(BLOCKS)}
