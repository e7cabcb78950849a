"""SNGAN on CIFAR-10, its latents refined by its critic: dgan train sngan_dgflow_cifar10 --data.name tfds:cifar10

Ansari et al., arXiv 2012.00780, on sngan_cifar10: 25 steps, eta 0.1, gamma 0.01. With a run that is there: dgan
sample RUN --system sngan_dgflow. Published: Inception Score 9.35, FID 9.62. Measured here: not yet run at this size.
"""

import dataclasses

from dgan_jax.core.experiment import Experiment
from dgan_jax.systems.gan import sngan_dgflow
from dgan_jax.train import configs


def get_config() -> Experiment:
    return dataclasses.replace(configs.load("sngan_cifar10"), solver=sngan_dgflow.Config())


def get_tiny() -> Experiment:
    """The same one: they are trained together."""
    return configs.tiny("sngan_cifar10")


def get_solver() -> sngan_dgflow.Config:
    return sngan_dgflow.Config(steps=2, divergence="JS")
