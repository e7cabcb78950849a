"""DDPM on CIFAR-10, 1,000 steps, as published: dgan train ddpm_cifar10 --data.name tfds:cifar10

Ho et al., arXiv 2006.11239: batch 128, 800,000 steps, 35,746,307 parameters. Published: IS 9.46, FID 3.17. Measured
here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ddim, ddpm
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=ddpm.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=128, crop="none"),
        train=Train(steps=800_000, sample_every=20_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    small = ddpm.Config(
        steps=8, beta_last=0.6, features=4, multipliers=(1, 2), blocks=1, attention=(4,), groups=2, warmup=0,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=Generate(classes=2),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none", classes=2),
        train=Train(steps=4),
    )


def get_solver() -> ddim.Config:
    return ddim.Config(steps=4, eta=0.5)
