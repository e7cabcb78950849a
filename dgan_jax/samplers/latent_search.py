"""Walks in the latent space of a GAN: towards what its critic believes, or towards a known image.

All are scans over a pure step; `logit` and `loss` take one latent [...], so that a `vmap` runs restarts.
"""

import functools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

Logit = Callable[[jax.Array], jax.Array]
"""Latents [B, ...] -> the critic's logits [B] of their images, each of its own latent."""


def energy(logit: Logit, z: jax.Array) -> jax.Array:
    """[B]: -log p0(z) - d(G(z)) up to a constant, p0 standard normal (Che et al., arXiv 2003.06060, equation 4)."""
    return 0.5 * jnp.sum(jnp.square(z.reshape(len(z), -1)), axis=1) - logit(z)


def langevin_step(
    logit: Logit, z: jax.Array, noise: jax.Array, step: jax.Array | float, loud: jax.Array | float = 1.0
) -> jax.Array:
    """A step of discriminator-driven latent sampling: z - step/2 grad E + loud sqrt(step) noise."""
    slope = jax.grad(lambda z: jnp.sum(energy(logit, z)))(z)
    return z - 0.5 * step * slope + loud * jnp.sqrt(step) * noise


DIVERGENCES: Mapping[str, Callable[[jax.Array], jax.Array]] = {
    "KL": jnp.ones_like,
    "logD": lambda logit: jax.nn.sigmoid(-logit),
    "JS": jax.nn.sigmoid,
}
"""f-divergences: by how much the slope of a logit counts."""


def flow_step(
    logit: Logit, z: jax.Array, noise: jax.Array, *, eta: float, gamma: float,
    weight: Callable[[jax.Array], jax.Array] = jnp.ones_like,
) -> jax.Array:  # fmt: skip
    """A step of the discriminator's gradient flow (Ansari, Ang, Soh, arXiv 2012.00780, algorithm 1).

    z + eta s(d) grad d + sqrt(2 eta gamma) noise. There is no term of the prior: z drifts away from it.
    """

    def total(z: jax.Array) -> tuple[jax.Array, jax.Array]:
        values = logit(z)
        return jnp.sum(values), values

    slope, values = jax.grad(total, has_aux=True)(z)
    scale = weight(jax.lax.stop_gradient(values)).reshape(-1, *[1] * (z.ndim - 1))
    return z + eta * scale * slope + jnp.sqrt(2 * eta * gamma) * noise


def walk(
    step: Callable[[jax.Array, jax.Array, jax.Array], jax.Array], z: jax.Array, keys: jax.Array, steps: int
) -> jax.Array:
    """`steps` times z = step(i, z, noise); keys [B], from which each step's noise [B, ...] is made."""

    def body(z: jax.Array, i: jax.Array) -> tuple[jax.Array, None]:
        noise = jax.vmap(lambda key: jax.random.normal(jax.random.fold_in(key, i), z.shape[1:]))(keys)
        return step(i, z, noise), None

    return jax.lax.scan(body, z, jnp.arange(steps))[0]


def box_mean(plane: jax.Array, size: int) -> jax.Array:
    """[..., H, W] -> mean over `size` x `size` pixels, mirrored at the border (the border pixel twice)."""
    half = size // 2
    widths = [(0, 0)] * (plane.ndim - 2) + [(half, size - 1 - half)] * 2
    x = jnp.pad(plane, widths, mode="symmetric")
    for axis in (-2, -1):
        count = x.shape[axis] - size + 1
        pieces = [jax.lax.slice_in_dim(x, j, j + count, 1, axis % x.ndim) for j in range(size)]
        x = functools.reduce(jnp.add, pieces) / size
    return x


def context_weights(known: jax.Array, size: int = 7, *, as_coded: bool = False) -> jax.Array:
    """How much a known pixel counts, [B, H, W]: by the share of missing pixels around it; 0 where it is missing.

    Yeh et al., "Semantic Image Inpainting with Deep Generative Models", CVPR 2017, arXiv 1607.07539, equation 3. The
    authors' code (`as_coded`) takes the share of known pixels instead, the opposite emphasis.
    """
    return known * box_mean(known if as_coded else 1 - known, size)


def momentum_step(
    slope: Callable[[jax.Array], jax.Array], z: jax.Array, velocity: jax.Array, *, rate: float, momentum: float
) -> tuple[jax.Array, jax.Array]:
    """One of Nesterov's steps, then back into [-1, 1]: (z, velocity)."""
    new = momentum * velocity - rate * slope(z)
    return jnp.clip(z - momentum * velocity + (1 + momentum) * new, -1, 1), new
