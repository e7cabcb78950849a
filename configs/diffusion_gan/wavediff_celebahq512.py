"""Wavelet diffusion-GAN on CelebA-HQ 512x512, 2 steps, as published: dgan train wavediff_celebahq512 --data.name FOLDER

Phung et al., arXiv 2211.16152: batch 4 on each of 8 GPUs, 400 epochs (the released checkpoint: 350), 44,853,004 and
27,739,521 parameters. Published: FID 6.40, recall 0.35. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import wavediff
from dgan_jax.tasks.generate import Generate

EPOCH = 30_000 // 32


def get_config() -> Experiment:
    return Experiment(
        system=wavediff.Config(
            steps=2, bands="hl_lh", features=64, multipliers=(1, 1, 2, 2, 4, 4), attention=(16,), latent_layers=3,
            critic="large", critic_layers=6, r1_gamma=2.0, r1_every=10, learning_rate_generator=2e-4,
            learning_rate_critic=1e-4,
        ),
        task=Generate(),
        data=Data(name="tfds:celeb_a_hq/512", size=512, batch=32, crop="none"),
        train=Train(steps=400 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
