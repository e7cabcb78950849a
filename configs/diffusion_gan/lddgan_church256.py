"""Latent denoising diffusion-GAN on LSUN church 256x256, 4 steps: dgan train lddgan_church256 --data.name FOLDER

Trinh and Hamagami, arXiv 2406.11713: codes of 4x32x32, batch 8, 1000 epochs (the released checkpoint: 625), 61,858,180
and 17,510,785 parameters, without a reconstruction term (the published command lacks its flag), on latent diffusion's
public KL-f8 autoencoder (83,653,863 parameters), which is trained here in the first fifth of the steps. For public and
released files copy this config with autoencoder_share=0 and code_scale=60, and see dgan convert. Published (README of
the repository): FID 4.67, recall 0.42, 1.02 s per 100 images on an A5000. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import lddgan
from dgan_jax.tasks.generate import Generate

EPOCH = 120_000 // 8


def get_config() -> Experiment:
    return Experiment(
        system=lddgan.Config(
            multipliers=(1, 2, 2, 2), blocks=3, attention=(16,), latent_layers=3, critic="large", critic_layers=4,
            r1_gamma=1.0, r1_every=10, learning_rate_generator=2e-4, learning_rate_critic=1e-4, ema=0.999,
            reconstruction=0.0, autoencoder_multipliers=(1, 2, 4, 4), autoencoder_attention=(), autoencoder_dropout=0.0,
            autoencoder_tanh=False, autoencoder_learning_rate=3.6e-5,
        ),
        task=Generate(),
        data=Data(name="tfds:lsun/church_outdoor", size=256, batch=8, crop="centre", resize=256),
        train=Train(steps=1250 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
