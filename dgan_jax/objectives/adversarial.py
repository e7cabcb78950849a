"""Losses of generative adversarial networks, of logits alone, and penalties on a critic's slope: one place for all.

Goodfellow et al., arXiv 1406.2661 (minimax, non-saturating); Mao et al., arXiv 1611.04076 (least squares); Lim, Ye,
arXiv 1705.02894, and Miyato et al., arXiv 1802.05957 (hinge); Arjovsky et al., arXiv 1701.07875, Gulrajani et al.,
arXiv 1704.00028 (Wasserstein and its penalty); Mescheder et al., arXiv 1801.04406 (R1); Karras et al., arXiv 1912.04958
(path lengths). `real` and `fake` are logits of any shape; every loss is a mean.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dgan_jax.core.devices import mean_over

Score = Callable[[jax.Array], jax.Array]
"""Images [B, H, W, C] -> logits, each of its own image."""


def as_real(logits: jax.Array) -> jax.Array:
    """Cross-entropy of saying "real": -mean log sigmoid."""
    return jnp.mean(jax.nn.softplus(-logits))


def as_fake(logits: jax.Array) -> jax.Array:
    """Cross-entropy of saying "generated": -mean log(1 - sigmoid)."""
    return jnp.mean(jax.nn.softplus(logits))


def logistic(real: jax.Array, fake: jax.Array) -> jax.Array:
    """The critic's cross-entropy: equation 1 of arXiv 1406.2661, with the sign of a loss."""
    return as_real(real) + as_fake(fake)


def minimax(fake: jax.Array) -> jax.Array:
    """The generator's side of the same game: mean log(1 - sigmoid(fake)), flat where the critic is sure."""
    return -as_fake(fake)


def non_saturating(fake: jax.Array) -> jax.Array:
    """What generators are trained by instead: the fakes should be taken for real."""
    return as_real(fake)


class Codes(NamedTuple):
    """What least squares pull towards: fake and real in the critic's loss, and what the generator wants of a fake."""

    fake: float = 0.0  # a
    real: float = 1.0  # b
    wanted: float = 1.0  # c


CODES = Codes()


def least_squares(real: jax.Array, fake: jax.Array, codes: Codes = CODES) -> jax.Array:
    """The critic's distances from its codes, without the factor of 1/2 of the paper."""
    return jnp.mean(jnp.square(real - codes.real)) + jnp.mean(jnp.square(fake - codes.fake))


def least_squares_generator(fake: jax.Array, codes: Codes = CODES) -> jax.Array:
    """The generator's least squares, of the logits of its images; no factor 1/2 (Mao et al., equation 2)."""
    return jnp.mean(jnp.square(fake - codes.wanted))


def hinge(real: jax.Array, fake: jax.Array) -> jax.Array:
    """The critic cares for logits within its margin only; latent diffusion's autoencoders take half of it."""
    return jnp.mean(jax.nn.relu(1 - real)) + jnp.mean(jax.nn.relu(1 + fake))


def wasserstein(real: jax.Array, fake: jax.Array) -> jax.Array:
    """The critic's estimate of Wasserstein-1 with its sign turned: what it minimises (Arjovsky et al., 1701.07875)."""
    return jnp.mean(fake) - jnp.mean(real)


def raised(fake: jax.Array) -> jax.Array:
    """The generator's loss of both the hinge and the Wasserstein game: -mean."""
    return -jnp.mean(fake)


def drift(real: jax.Array, weight: float = 1e-3, axis_name: str | None = None) -> jax.Array:
    """Keeps a Wasserstein critic's logits near 0: the square of their mean, over all devices of `axis_name`.

    As TransGAN takes it ("wgangp-eps").
    """
    return weight * jnp.square(mean_over(jnp.mean(real), axis_name))


class Game(NamedTuple):
    """(real, fake) -> the critic's loss, and fake -> the generator's."""

    critic: Callable[[jax.Array, jax.Array], jax.Array]
    generator: Callable[[jax.Array], jax.Array]


GAMES = {
    "minimax": Game(logistic, minimax),
    "non_saturating": Game(logistic, non_saturating),
    "least_squares": Game(least_squares, least_squares_generator),
    "hinge": Game(hinge, raised),
    "wasserstein": Game(wasserstein, raised),
}


def slopes(score: Score, x: jax.Array) -> jax.Array:
    """[B]: squared norms of each image's slope of the logits' sum."""
    slope = jax.grad(lambda x: score(x).sum())(x)
    return jnp.sum(jnp.square(slope), axis=tuple(range(1, x.ndim)))


def r1(score: Score, real: jax.Array) -> jax.Array:
    """[B]: squared slopes at real images, to be multiplied by gamma / 2."""
    return slopes(score, real)


def lazily(step: jax.Array, every: int, penalty: Callable[[], jax.Array]) -> jax.Array:
    """A scalar penalty on every `every`-th step, else 0."""
    return jax.lax.cond(step % every == 0, penalty, lambda: jnp.zeros(()))


def gradient_penalty(
    score: Score, real: jax.Array, fake: jax.Array, place: jax.Array, *, wanted: float = 1.0
) -> jax.Array:
    """Mean squared distance of the slope's norm from `wanted`, between pairs: at place * real + (1 - place) * fake.

    place: [B], uniform in [0, 1]. Published: weighted by 10 / wanted^2.
    """
    place = place.reshape(-1, *[1] * (real.ndim - 1))
    norms = jnp.sqrt(slopes(score, place * real + (1 - place) * fake))
    return jnp.mean(jnp.square(norms - wanted))


def path_lengths(synthesise: Callable[[jax.Array], jax.Array], ws: jax.Array, noise: jax.Array) -> jax.Array:
    """[B]: how far images move when their styles do, in a random direction of images.

    synthesise: styles [B, L, W] -> images [B, H, W, C]; noise: standard normal, of the images' shape. Karras et al.,
    arXiv 1912.04958, equation 4, as a mean over layers.
    """
    scale = jnp.sqrt(jnp.asarray(noise.shape[1] * noise.shape[2], noise.dtype))
    slope = jax.grad(lambda ws: jnp.sum(synthesise(ws) * noise) / scale)(ws)
    return jnp.sqrt(jnp.mean(jnp.sum(jnp.square(slope), axis=2), axis=1))
