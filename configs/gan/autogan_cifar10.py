"""AutoGAN's architecture A on CIFAR-10: dgan train autogan_cifar10 --data.name tfds:cifar10

Gong et al., arXiv 1908.03835: 50,000 updates of the generator with 5 of the critic for each; 4,405,251 parameters.
Published: Inception Score 8.55, FID 12.42. Measured here: not yet run at this size; see autogan_cifar10_small.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import autogan
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 384


def get_config() -> Experiment:
    return Experiment(
        system=autogan.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=384, crop="none"),
        train=Train(steps=50_000, epoch=EPOCH),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    return Experiment(
        system=autogan.Config(
            architecture="c",
            features=8,
            critic_features=8,
            bottom=1,
            latent=4,
            n_critic=1,
            critic_parts=1,
            generator_parts=1,
            ema=0.9,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
