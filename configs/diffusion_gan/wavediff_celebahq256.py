"""Wavelet diffusion-GAN on CelebA-HQ 256x256, 2 steps, as published: dgan train wavediff_celebahq256 --data.name FOLDER

Phung et al., arXiv 2211.16152: batch 32 on each of 2 GPUs, 500 epochs (the released checkpoint: 475), 31,485,452 and
22,626,177 parameters. Published: FID 5.94, recall 0.37. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import wavediff
from dgan_jax.tasks.generate import Generate

EPOCH = 30_000 // 64


def get_config() -> Experiment:
    return Experiment(
        system=wavediff.Config(
            steps=2, bands="lh_hl", features=64, multipliers=(1, 2, 2, 2, 4), attention=(16,), latent_layers=3,
            critic="large", critic_layers=5, r1_gamma=2.0, r1_every=10, learning_rate_generator=2e-4,
            learning_rate_critic=1e-4,
        ),
        task=Generate(),
        data=Data(name="tfds:celeb_a_hq/256", size=256, batch=64, crop="none"),
        train=Train(steps=500 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
