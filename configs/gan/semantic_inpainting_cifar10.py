"""Holes in 32x32 images by search in SNGAN's latents: dgan train semantic_inpainting_cifar10 --data.name tfds:cifar10

Yeh et al., arXiv 1607.07539, on sngan_cifar10; theirs is a DCGAN of faces. With a run that is there: dgan restore
inpaint PHOTO --hole MASK --run RUN --system semantic_inpainting. Measured here: not yet run at this size.
"""

import dataclasses

from dgan_jax.core.experiment import Experiment
from dgan_jax.systems.gan import semantic_inpainting
from dgan_jax.train import configs


def get_config() -> Experiment:
    return dataclasses.replace(configs.load("sngan_cifar10"), solver=semantic_inpainting.Config())


def get_tiny() -> Experiment:
    """The same one: they are trained together."""
    return configs.tiny("sngan_cifar10")


def get_solver() -> semantic_inpainting.Config:
    return semantic_inpainting.Config(steps=2, restarts=2)
