"""The prior of codes: a score network whose answer is mixed with what is right for a normal code.

Vahdat, Kreis, Kautz, "Score-based Generative Modeling in Latent Space", NeurIPS 2021, arXiv 2106.05931, section 3.2.
"""

import jax
from flax import linen as nn

from dgan_jax.nets.ncsnpp import ScoreNCSNpp


class MixedPrior(nn.Module):
    """(x [B, h, w, C], t [B] in [0, 1], mixing [B, h, w, C]) -> the noise in x, [B, h, w, C].

    `mixing` is the noise if codes were normal; each channel learns its share of the network's answer, which begins at
    sigmoid(`start`), so that the prior begins near N(0, 1). Without `mixed` the network answers alone.
    """

    network: ScoreNCSNpp
    scale: float = 1000.0  # the network is told t times this
    start: float = -3.0
    mixed: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, mixing: jax.Array) -> jax.Array:
        said = self.network(x, self.scale * t)
        if not self.mixed:
            return said
        logit = self.param("mixing_logit", nn.initializers.constant(self.start), (x.shape[-1],))
        share = nn.sigmoid(logit)
        return (1 - share) * mixing + share * said
