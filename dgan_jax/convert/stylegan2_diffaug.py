"""Published networks of this system are StyleGAN2's, by the same names."""

from dgan_jax.convert.stylegan2 import SIGNS, players

__all__ = ["SIGNS", "players"]
