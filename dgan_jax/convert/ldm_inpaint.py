"""Published checkpoints of latent diffusion that fills holes: those of latent diffusion."""

from dgan_jax.convert.ldm import SIGNS, players

__all__ = ["SIGNS", "players"]
