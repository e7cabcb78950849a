"""SNGAN on CIFAR-10, its latents refined by its critic: dgan train sngan_dgflow_cifar10 --data.name tfds:cifar10

Ansari et al., arXiv 2012.00780, on sngan_cifar10: 25 steps, eta 0.1, gamma 0.01. With a run that is there: dgan
sample RUN --system sngan_dgflow. Published: Inception Score 9.35, FID 9.62. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import sngan, sngan_dgflow
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 384


def get_config() -> Experiment:
    return Experiment(
        system=sngan.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=384, crop="none", flip=False),
        train=Train(steps=50_000, epoch=EPOCH),
        solver=sngan_dgflow.Config(),
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


def get_solver() -> sngan_dgflow.Config:
    return sngan_dgflow.Config(steps=2, divergence="JS")
