"""Denoising diffusion-GAN on CIFAR-10, 4 steps, as published: dgan train ddgan_cifar10 --data.name tfds:cifar10

Xiao et al., arXiv 2112.07804: batch 64 on each of 4 GPUs, 1800 epochs (the released checkpoint: 1200), 48,432,515 and
12,741,633 parameters. Published (from the paper): IS 9.63, FID 3.75, recall 0.57. Measured here: not yet run at this
size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import ddgan
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 256


def get_config() -> Experiment:
    return Experiment(
        system=ddgan.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=256, crop="none"),
        train=Train(steps=1800 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    small = ddgan.Config(
        features=8, multipliers=(1, 2), blocks=1, attention=(4,), latent=4, latent_layers=1, latent_embedding=8,
        critic_features=4,
        critic_embedding=8, r1_every=2,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=Generate(classes=2),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none", classes=2),
        train=Train(steps=4),
    )
