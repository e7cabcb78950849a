"""The sampler of denoising diffusion-GANs: predict x0, correct it, step to x_t by the known posterior."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dgan_jax.core import noise
from dgan_jax.process.gaussian import Tables, posterior_sample

Predict = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]


def sample(
    predict: Predict,
    process: Tables,
    x_init: jax.Array,
    latents: jax.Array,
    noises: jax.Array,
    *,
    project: Callable[[jax.Array], jax.Array] = lambda x0: x0,
) -> tuple[jax.Array, jax.Array]:
    """From x_T to x_0 in T steps (Xiao et al., algorithm 1). predict: (x, t [B], z) -> x0.

    x_init: [B, H, W, C]; latents: [T, B, Z] and noises: [T, B, H, W, C], in order of use (t = T-1 first).
    Returns x_0 and the prediction of every step [T, B, H, W, C]. `project` puts back what is known of x0.
    """

    def body(x: jax.Array, inputs: tuple) -> tuple[jax.Array, jax.Array]:
        t, z, drawn = inputs
        t = jnp.full(x.shape[:1], t)
        x0 = project(predict(x, t, z))
        return posterior_sample(process, x0, x, t, drawn), x0

    steps = jnp.arange(latents.shape[0])[::-1]
    return jax.lax.scan(body, x_init, (steps, latents, noises))


def sample_from_keys(
    predict: Predict, process: Tables, keys: jax.Array, shape: tuple[int, ...], latent: int, *,
    spread: float = 1.0, places: jax.Array | None = None,
) -> jax.Array:  # fmt: skip
    """x_0 [B, *shape] from one key an example: all of an example's randomness is a function of its key alone, and of
    its place [2] in the image where `places` [B, 2] are given: windows of one image then share key, noise and latents.

    x_T is noise of deviation `spread`.
    """
    steps = process.steps

    def draw(key: jax.Array, place: jax.Array | None) -> tuple[jax.Array, jax.Array, jax.Array]:
        start, latents, noises = jax.random.split(key, 3)
        if place is None:
            each = jax.random.normal(noises, (steps, *shape))
        else:
            each = jnp.stack([noise.normal(jax.random.fold_in(noises, n), shape, place) for n in range(steps)])
        return spread * noise.normal(start, shape, place), jax.random.normal(latents, (steps, latent)), each

    drawn = jax.vmap(draw, in_axes=(0, None if places is None else 0), out_axes=(0, 1, 1))(keys, places)
    return sample(predict, process, *drawn)[0]
