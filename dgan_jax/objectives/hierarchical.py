"""What trains an autoencoder of grouped codes: the weight of its KL divergence, the balance of groups, and its norms.

Vahdat, Kautz, "NVAE: A Deep Hierarchical Variational Autoencoder", NeurIPS 2020, arXiv 2007.03898, section 3.2 and
appendix A.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.nets.nvae import normalised
from dgan_jax.nets.spectral import followed, unit

ITERATIONS = 4
"""Of the power method, a step."""
LEAST_KL = 0.01
"""Added to what a group says before groups are compared."""

Vectors = dict[str, jax.Array]
"""Singular vectors of kernels, [N, out] of N kernels of one shape, by that shape."""


def risen_to(first: float, last: float, steps: float, step: jax.Array) -> jax.Array:
    """[]: a straight line from 0 to `last` in `steps` steps, never below `first`."""
    return jnp.clip(last * step / max(steps, 1.0), min(first, last), last)


def by_group(values: jax.Array, groups: int) -> jax.Array:
    """Sums over each group's part of a code: [B, h, w, G Z] -> [B, G]."""
    batch, height, width, channels = values.shape
    return values.reshape(batch, height, width, groups, channels // groups).sum((1, 2, 4))


def normal_kl(mean: jax.Array, log_std: jax.Array) -> jax.Array:
    """From N(0, 1), of each value, in nats."""
    return 0.5 * (jnp.square(mean) + jnp.exp(2 * log_std) - 1) - log_std


def negative_entropy(log_std: jax.Array) -> jax.Array:
    """Of a normal law, of each value, in nats."""
    return -0.5 * (1 + np.log(2 * np.pi)) - log_std


def balanced(kl: jax.Array, on: jax.Array, axis_name: str | None = None) -> jax.Array:
    """[G], mean 1: weights of the groups of kl [B, G], larger for those that say more, so that none falls silent while
    the divergence's weight rises; without `on` 1. No gradient goes through them."""
    told = jnp.mean(jnp.abs(jax.lax.stop_gradient(kl)), axis=0)
    told = LEAST_KL + (told if axis_name is None else jax.lax.pmean(told, axis_name))
    return jnp.where(on, told / jnp.mean(told), 1.0)


def kernels_of(params: Any) -> dict[str, jax.Array]:
    """The weight-normed kernels of a network, as matrices: [N, out, rest] of N kernels of one shape, by that shape."""
    found: dict[str, list[jax.Array]] = {}

    def collect(tree: Any) -> None:
        if "log_norm" in tree:
            kernel = normalised(tree["kernel"], tree["log_norm"])
            matrix = kernel.reshape(-1, kernel.shape[-1]).T
            found.setdefault("x".join(map(str, matrix.shape)), []).append(matrix)
            return
        for _, below in sorted(tree.items()):
            if isinstance(below, dict):
                collect(below)

    collect(params)
    return {shape: jnp.stack(matrices) for shape, matrices in found.items()}


def first_vectors(shapes: Any) -> Vectors:
    """Where the power method begins; shapes: those of the network's parameters."""
    like = jax.eval_shape(kernels_of, shapes)
    key = jax.random.key(0)
    return {name: jax.vmap(unit)(jax.random.normal(key, stack.shape[:2])) for name, stack in like.items()}


def spectral_sum(params: Any, vectors: Vectors) -> tuple[jax.Array, Vectors]:
    """The sum of the kernels' largest singular values, by singular vectors that are followed; and these."""
    total, after = jnp.zeros(()), {}
    for name, stack in kernels_of(params).items():
        u, still = vectors[name], jax.lax.stop_gradient(stack)
        again = lambda _, pair, still=still: jax.vmap(followed)(still, pair[0])
        u, v = jax.lax.fori_loop(0, ITERATIONS, again, (u, jnp.zeros((len(u), stack.shape[-1]))))
        after[name] = u
        total = total + jnp.einsum("no,nor,nr->", u, stack, v)
    return total, after


def scale_sum(params: Any) -> jax.Array:
    """The sum of the largest absolute factor of each batch norm."""
    if not isinstance(params, dict):
        return jnp.zeros(())
    own = jnp.max(jnp.abs(params["scale"])) if "scale" in params else jnp.zeros(())
    return sum((scale_sum(below) for below in params.values()), own)
