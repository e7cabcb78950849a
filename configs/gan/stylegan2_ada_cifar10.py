"""StyleGAN2 with adaptive augmentation on CIFAR-10: dgan train stylegan2_ada_cifar10 --data.name tfds:cifar10

Karras et al., arXiv 2006.06676: the pipe bgc, target 0.6, 100 million images. Published: FID 2.92, Inception Score
9.83. Measured here: not yet run at this size; see stylegan2_ada_cifar10_small.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import stylegan2_ada
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 64


def get_config() -> Experiment:
    return Experiment(
        system=stylegan2_ada.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=64, crop="none", flip=False),
        train=Train(steps=100_000_000 // 64, epoch=EPOCH),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    return Experiment(
        system=stylegan2_ada.Config(
            latent=4,
            styles=8,
            mapping_layers=1,
            features=64,
            most_features=8,
            architecture="resnet",
            critic_architecture="skip",
            group=4,
            r1_every=2,
            ema_images=100,
            ada_images=40,
            ada_every=1,
            target=-1.0,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
