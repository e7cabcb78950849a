"""Latent denoising diffusion-GAN on CelebA-HQ 256x256, 2 steps: dgan train lddgan_celebahq256 --data.name FOLDER

Trinh and Hamagami, arXiv 2406.11713: codes of 3x64x64, batch 32, 500 epochs, 48,366,723 and 17,510,529 parameters, on
latent diffusion's public VQ-f4 autoencoder (55,322,782 parameters), which is trained here in the first fifth of the
steps. For public and released files copy this config with autoencoder_share=0 and code_scale=6, and see dgan convert.
Published (README of the repository): FID 5.21, recall 0.40, 0.55 s per 100 images on an A5000. Measured here: not yet
run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import lddgan
from dgan_jax.tasks.generate import Generate

EPOCH = 30_000 // 32


def get_config() -> Experiment:
    return Experiment(
        system=lddgan.Config(
            steps=2, multipliers=(1, 2, 2, 2), attention=(16,), latent=100, latent_layers=3, critic="large",
            critic_layers=4, r1_gamma=2.0, r1_every=10, learning_rate_generator=2e-4, learning_rate_critic=1e-4,
            ema=0.999, autoencoder="vq", code_channels=3, autoencoder_multipliers=(1, 2, 4), autoencoder_attention=(),
            autoencoder_dropout=0.0, autoencoder_tanh=False, regulariser=1.0,
        ),
        task=Generate(),
        data=Data(name="tfds:celeb_a_hq/256", size=256, batch=32, crop="none"),
        train=Train(steps=625 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
