"""NCSN on CIFAR-10, as published: dgan train ncsn_cifar10 --data.name tfds:cifar10

Song, Ermon, arXiv 1907.05600: batch 128, 200,000 steps, 30,117,635 parameters; the best of its checkpoints by FID.
Published: IS 8.87, FID 25.32. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ncsn
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=ncsn.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=128, crop="none"),
        train=Train(steps=200_000, sample_every=10_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    return Experiment(
        system=ncsn.Config(levels=2, features=2, units=1, each=2, sigma_last=0.1, step_size=2e-3),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
