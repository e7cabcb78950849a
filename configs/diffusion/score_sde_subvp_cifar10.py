"""DDPM++ cont. (sub-VP) on CIFAR-10: dgan train score_sde_subvp_cifar10 --data.name tfds:cifar10

Song et al., arXiv 2011.13456: batch 128, 1.3 million steps, 61,804,419 parameters; the deep one is --system.blocks 8.
Published: IS 9.56, FID 2.61; deep 9.57 and 2.41; 3.02 and 2.99 bits per dimension. Measured here: not yet run at this
size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import score_sde_subvp
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=score_sde_subvp.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=128, crop="none"),
        train=Train(steps=1_300_000, sample_every=20_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    small = score_sde_subvp.Config(
        steps=8, beta_last=4.0, features=4, multipliers=(1,), blocks=1, attention=(), warmup=0, likelihood=True,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=Generate(),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
