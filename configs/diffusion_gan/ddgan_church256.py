"""Denoising diffusion-GAN on LSUN church 256x256, 4 steps, as published: dgan train ddgan_church256 --data.name FOLDER

Xiao et al., arXiv 2112.07804: first 120,000 images, batch 8 on each of 8 GPUs, 500 epochs, 39,726,979 and 27,737,217
parameters. Published (from the paper): FID 5.25. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import ddgan
from dgan_jax.tasks.generate import Generate

EPOCH = 120_000 // 64


def get_config() -> Experiment:
    return Experiment(
        system=ddgan.Config(
            features=64, multipliers=(1, 1, 2, 2, 4, 4), latent_layers=3, critic="large",
            r1_gamma=1.0, r1_every=10, ema=0.999,
            learning_rate_generator=1.6e-4, learning_rate_critic=1e-4,
        ),
        task=Generate(),
        data=Data(name="tfds:lsun/church_outdoor", size=256, batch=64, crop="centre", resize=256),
        train=Train(steps=500 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
