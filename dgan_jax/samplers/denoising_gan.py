"""The sampler of denoising diffusion-GANs: predict x0, correct it, step to x_t by the known posterior."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

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
        t, z, noise = inputs
        t = jnp.full(x.shape[:1], t)
        x0 = project(predict(x, t, z))
        return posterior_sample(process, x0, x, t, noise), x0

    steps = jnp.arange(latents.shape[0])[::-1]
    return jax.lax.scan(body, x_init, (steps, latents, noises))


def sample_from_keys(
    predict: Predict, process: Tables, keys: jax.Array, shape: tuple[int, ...], latent: int, *, spread: float = 1.0
) -> jax.Array:
    """x_0 [B, *shape] from one key an example: all of an example's randomness is a function of its key alone.

    x_T is noise of deviation `spread`.
    """

    def draw(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        start, latents, noises = jax.random.split(key, 3)
        normal, steps = jax.random.normal, process.steps
        return spread * normal(start, shape), normal(latents, (steps, latent)), normal(noises, (steps, *shape))

    x_init, latents, noises = jax.vmap(draw, out_axes=(0, 1, 1))(keys)
    return sample(predict, process, x_init, latents, noises)[0]
