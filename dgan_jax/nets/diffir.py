"""What each stage of DiffIR trains together, as one network.

Xia et al., arXiv 2303.09472. The parts are called on their own parameters: `params["restorer"]` and so on.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.dirformer import DIRformer
from dgan_jax.nets.prior_denoiser import PriorDenoiser
from dgan_jax.nets.prior_encoder import PriorEncoder, stacked


class FirstStage(nn.Module):
    """(x [B, H, W, K], truth [B, H scale, W scale, C]) -> (image, prior [B, D]): the prior is read off the original."""

    encoder: PriorEncoder
    restorer: DIRformer
    scale: int = 1

    def __call__(self, x: jax.Array, truth: jax.Array) -> tuple[jax.Array, jax.Array]:
        prior = self.encoder(stacked(x, truth, scale=self.scale))
        return self.restorer(x, prior), prior


class SecondStage(nn.Module):
    """(x [B, H, W, K], prior [B, D], t [B]) -> (image, prior): one denoising step of the prior, and the image by it.

    The variable "stage" / "first" is 1 while the stage before is trained and this one is at its start.
    """

    condition: PriorEncoder
    denoiser: PriorDenoiser
    restorer: DIRformer
    scale: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, prior: jax.Array, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        self.variable("stage", "first", jnp.zeros, ())
        prior = self.denoiser(prior, t, self.condition(stacked(x, scale=self.scale)))
        return self.restorer(x, prior), prior
