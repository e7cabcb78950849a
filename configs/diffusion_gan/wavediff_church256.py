"""Wavelet diffusion-GAN on LSUN church 256x256, 4 steps, as published: dgan train wavediff_church256 --data.name FOLDER

Phung et al., arXiv 2211.16152: first 120,000 images, batch 16 on each of 4 GPUs, 500 epochs (the released checkpoint:
400), 31,485,452 and 22,626,177 parameters. Published: FID 5.06, recall 0.40. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import wavediff
from dgan_jax.tasks.generate import Generate

EPOCH = 120_000 // 64


def get_config() -> Experiment:
    return Experiment(
        system=wavediff.Config(
            features=64, multipliers=(1, 2, 2, 2, 4), latent_layers=3, critic="large", critic_layers=5, r1_gamma=1.0,
            r1_every=10, ema=0.999, learning_rate_generator=1.6e-4, learning_rate_critic=1e-4,
        ),
        task=Generate(),
        data=Data(name="tfds:lsun/church_outdoor", size=256, batch=64, crop="centre", resize=256),
        train=Train(steps=500 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
