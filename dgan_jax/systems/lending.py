"""What denoising diffusion-GANs lend to solvers: their chain of few steps, with a latent drawn at each of them."""

from collections.abc import Callable
from typing import Any

import jax

from dgan_jax.core.parts import Denoiser, Measurement, Space, Tables


def lent(
    predict: Callable[..., jax.Array], process: Tables, space: Callable[[dict[str, Any]], Space], latent: int,
    player: str = "generator",
) -> Denoiser:  # fmt: skip
    """A Denoiser of predict(parameters of `player`, x, t, z [B, latent], y) -> x0; the keys draw the latent."""

    def with_latents(
        variables: dict[str, Any], x: jax.Array, t: jax.Array, y: Measurement, keys: jax.Array
    ) -> tuple[jax.Array, None]:
        z = jax.vmap(lambda key: jax.random.normal(key, (latent,)))(keys)
        return predict(variables["params"][player], x, t, z, y), None

    return Denoiser(with_latents, process, space)
