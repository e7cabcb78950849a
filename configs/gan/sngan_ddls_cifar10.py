"""SNGAN on CIFAR-10, sampled by Langevin steps along its critic: dgan train sngan_ddls_cifar10 --data.name tfds:cifar10

Che et al., arXiv 2003.06060, on sngan_cifar10 with a last tenth of the steps of logistic loss for the critic alone.
With a run that is there: dgan sample RUN --system sngan_ddls. Published: Inception Score 9.09, FID 15.42 (from 8.22,
21.7). Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import sngan, sngan_ddls
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 384


def get_config() -> Experiment:
    return Experiment(
        system=sngan.Config(calibration_share=0.1),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=384, crop="none", flip=False),
        train=Train(steps=50_000, epoch=EPOCH),
        solver=sngan_ddls.Config(),
    )


def get_tiny() -> Experiment:
    """What sngan_cifar10's is: they are trained together."""
    return Experiment(
        system=sngan.Config(
            features=8, critic_features=8, bottom=1, latent=4, n_critic=1, critic_parts=2, generator_parts=1, ema=0.9
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )


def get_solver() -> sngan_ddls.Config:
    return sngan_ddls.Config(steps=2)
