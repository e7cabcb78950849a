"""LaMa's losses: Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", WACV 2022, arXiv
2109.07161, section 2.3. Images are in [0, 1], maps of logits [B, h, w, 1], holes [B, H, W, 1].

What DiffIR's inpainting borrows of them stands in `objectives/diffir.py`.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from dgan_jax.objectives import adversarial
from dgan_jax.objectives.diffir import masked_critic_loss
from dgan_jax.ops.resize import resize

Judge = Callable[[jax.Array], tuple[jax.Array, Sequence[jax.Array]]]
"""Images -> (logits [B, h, w, 1], features of every layer before them)."""


def weighted_l2(image: jax.Array, truth: jax.Array, hole: jax.Array, *, known: float, missing: float) -> jax.Array:
    """Squared errors with one weight where pixels are known and another in the hole; the mean is over all pixels."""
    return jnp.mean(jnp.square(image - truth) * (hole * missing + (1 - hole) * known))


def known_features_apart(ours: Sequence[jax.Array], theirs: Sequence[jax.Array], hole: jax.Array) -> jax.Array:
    """Feature matching where pixels are known: squared differences times the share of known pixels at each place."""
    known = lambda features: 1 - resize(hole, features.shape[1:3], "bilinear")
    each = [jnp.mean(jnp.square(a - b) * known(a)) for a, b in zip(ours, theirs, strict=True)]
    return jnp.mean(jnp.stack(each))


def critic_loss(
    score: Callable[[jax.Array], jax.Array], real: jax.Array, image: jax.Array, hole: jax.Array,
    *, r1: float, known_is_real: bool = True,
) -> tuple[jax.Array, dict[str, jax.Array]]:  # fmt: skip
    """Equations 4 to 6: the non-saturating game in which patches outside the hole count as real, and R1 at each step.

    score: images -> logits. `r1` multiplies the mean squared slope, without a half. Without `known_is_real` every patch
    of a filled image counts as generated.
    """
    on_real, on_fake = score(real), score(image)
    hole = hole if known_is_real else jnp.ones_like(hole)
    real_loss, fake_loss = masked_critic_loss(on_real, on_fake, hole)
    penalty = r1 * jnp.mean(adversarial.r1(score, real))
    metrics = {"critic/real": real_loss, "critic/fake": fake_loss, "critic/r1": penalty}
    return real_loss + fake_loss + penalty, metrics
