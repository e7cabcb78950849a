"""SNGAN on CIFAR-10, sampled by Langevin steps along its critic: dgan train sngan_ddls_cifar10 --data.name tfds:cifar10

Che et al., arXiv 2003.06060, on sngan_cifar10 with a last tenth of the steps of logistic loss for the critic alone.
With a run that is there: dgan sample RUN --system sngan_ddls. Published: Inception Score 9.09, FID 15.42 (from 8.22,
21.7). Measured here: not yet run at this size.
"""

import dataclasses

from dgan_jax.core.experiment import Experiment
from dgan_jax.systems.gan import sngan_ddls
from dgan_jax.train import configs


def get_config() -> Experiment:
    run = configs.load("sngan_cifar10")
    system = dataclasses.replace(run.system, calibration_share=0.1)
    return dataclasses.replace(run, system=system, solver=sngan_ddls.Config())


def get_tiny() -> Experiment:
    """The same one: they are trained together."""
    return configs.tiny("sngan_cifar10")


def get_solver() -> sngan_ddls.Config:
    return sngan_ddls.Config(steps=2)
