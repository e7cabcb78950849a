"""StyleGAN2 on a folder of 256x256 photographs: dgan train stylegan2_256 --data.name FOLDER

Karras et al., arXiv 1912.04958, in the PyTorch code's configuration "paper256": 24,767,458 and 24,001,089 parameters,
25 million images, path lengths and style mixing. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import stylegan2
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=stylegan2.Config(
            mapping_layers=8,
            features=16384,
            critic_architecture="resnet",
            group=8,
            r1_gamma=1.0,
            path_weight=2.0,
            mixing=0.9,
            ema_images=20_000,
            ema_ramp=0.0,
            half=4,
        ),
        task=Generate(),
        data=Data(name="bundled", size=256, batch=64),
        train=Train(steps=25_000_000 // 64, epoch=1000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    return Experiment(
        system=stylegan2.Config(
            latent=4,
            styles=8,
            mapping_layers=1,
            features=64,
            most_features=8,
            critic_architecture="resnet",
            group=4,
            r1_every=2,
            path_weight=2.0,
            path_every=2,
            mixing=0.9,
            ema_images=100,
            truncation=0.7,
        ),
        task=Generate(classes=2),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none", classes=2),
        train=Train(steps=4),
    )
