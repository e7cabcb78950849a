"""Denoising diffusion-GAN on CelebA-HQ 256x256, 2 steps, as published: dgan train ddgan_celebahq256 --data.name FOLDER

Xiao et al., arXiv 2112.07804: batch 4 on each of 8 GPUs, 800 epochs (the released checkpoint: 550), 39,726,979 and
27,737,217 parameters. Published (from the paper): FID 7.64. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import ddgan
from dgan_jax.tasks.generate import Generate

EPOCH = 30_000 // 32


def get_config() -> Experiment:
    return Experiment(
        system=ddgan.Config(
            steps=2, features=64, multipliers=(1, 1, 2, 2, 4, 4), latent_layers=3, critic="large",
            r1_gamma=2.0, r1_every=10,
            learning_rate_generator=2e-4, learning_rate_critic=1e-4,
        ),
        task=Generate(),
        data=Data(name="tfds:celeb_a_hq/256", size=256, batch=32, crop="none"),
        train=Train(steps=800 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
