"""LaMa's losses: Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", WACV 2022, arXiv
2109.07161, section 2.3. Images are in [0, 1], maps of logits [B, h, w, 1], holes [B, H, W, 1].

What DiffIR's inpainting borrows of them stands in `objectives/diffir.py`.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from dgan_jax.objectives.diffir import masked_critic_loss
from dgan_jax.ops.resize import resize


def weighted_l2(image: jax.Array, truth: jax.Array, hole: jax.Array, *, known: float, missing: float) -> jax.Array:
    """Squared errors with one weight where pixels are known and another in the hole; the mean is over all pixels."""
    return jnp.mean(jnp.square(image - truth) * (hole * missing + (1 - hole) * known))


def known_features_apart(ours: Sequence[jax.Array], theirs: Sequence[jax.Array], hole: jax.Array) -> jax.Array:
    """Feature matching where pixels are known: squared differences times the share of known pixels at each place."""
    known = lambda features: 1 - resize(hole, features.shape[1:3], "bilinear")
    each = [jnp.mean(jnp.square(a - b) * known(a)) for a, b in zip(ours, theirs, strict=True)]
    return jnp.mean(jnp.stack(each))


def critic_loss(
    real: jax.Array, fake: jax.Array, slopes: jax.Array, hole: jax.Array, *, r1: float, known_is_real: bool = True
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Equations 4 to 6: the non-saturating game in which patches outside the hole count as real, and R1 at each step.

    real, fake: logits; slopes: [B], the squared norms at real images that `r1` multiplies, without a half. Without
    `known_is_real` every patch of a filled image counts as generated.
    """
    hole = hole if known_is_real else jnp.ones_like(hole)
    real_loss, fake_loss = masked_critic_loss(real, fake, hole)
    penalty = r1 * jnp.mean(slopes)
    metrics = {"critic/real": real_loss, "critic/fake": fake_loss, "critic/r1": penalty}
    return real_loss + fake_loss + penalty, metrics
