"""NCSN++ cont. (variance exploding) on CIFAR-10: dgan train score_sde_ve_cifar10 --data.name tfds:cifar10

Song et al., arXiv 2011.13456: batch 128, 1.3 million steps, 62,758,915 parameters; the deep one is --system.blocks 8,
107,587,075 parameters. Published: IS 9.83, FID 2.38; deep 9.89 and 2.20. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import score_sde_ve
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=score_sde_ve.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=128, crop="none"),
        train=Train(steps=1_300_000, sample_every=20_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """The discrete form (its embedding has nothing frozen), as small as it gets: for tests."""
    small = score_sde_ve.Config(
        steps=4, continuous=False, embedding="positional", features=4, multipliers=(1,), blocks=1, attention=(),
        warmup=0,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=Generate(),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
