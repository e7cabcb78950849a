"""Image restoration with diffusion-GANs in JAX: train, restore, compare. The verbs are in `dgan_jax.api`."""

__version__ = "0.1.0"
