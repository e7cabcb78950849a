"""DDPM++ cont. (variance preserving) on CIFAR-10: dgan train score_sde_vp_cifar10 --data.name tfds:cifar10

Song et al., arXiv 2011.13456: batch 128, 1.3 million steps, 61,804,419 parameters; the deep one is --system.blocks 8,
106,632,579 parameters. Published: IS 9.58, FID 2.55; deep 9.68 and 2.41; 3.16 and 3.13 bits per dimension. Measured
here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import score_sde_vp
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=score_sde_vp.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=128, crop="none"),
        train=Train(steps=1_300_000, sample_every=20_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    small = score_sde_vp.Config(
        steps=8, beta_last=4.0, features=4, multipliers=(1,), blocks=1, attention=(), warmup=0, likelihood=True,
        importance=True, corrector="annealed",
    )  # fmt: skip
    return Experiment(
        system=small,
        task=Generate(),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
