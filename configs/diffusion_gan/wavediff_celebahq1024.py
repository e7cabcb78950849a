"""Wavelet diffusion-GAN on CelebA-HQ 1024x1024, 2 steps, as published.

    dgan train wavediff_celebahq1024 --data.name FOLDER

Phung et al., arXiv 2211.16152: batch 4 on each of 8 GPUs, 400 epochs (the released checkpoint: 350), 44,186,416 and
27,739,521 parameters. Published: FID 5.98, recall 0.39. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import wavediff
from dgan_jax.tasks.generate import Generate

EPOCH = 30_000 // 32


def get_config() -> Experiment:
    return Experiment(
        system=wavediff.Config(
            steps=2, bands="lh_hl", features=64, multipliers=(1, 1, 2, 2, 4, 4), attention=(), latent_layers=3, patch=2,
            critic="large", critic_layers=6, r1_gamma=2.0, r1_every=10, learning_rate_generator=2e-4,
            learning_rate_critic=1e-4,
        ),
        task=Generate(),
        data=Data(name="tfds:celeb_a_hq/1024", size=1024, batch=32, crop="none"),
        train=Train(steps=400 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
