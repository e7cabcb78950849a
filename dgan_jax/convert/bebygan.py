"""Published files of Beby-GAN: its generator has ESRGAN's names, its critic those of the critics of enlarging."""

from dgan_jax.convert.esrgan import SIGNS, players

__all__ = ["SIGNS", "players"]
