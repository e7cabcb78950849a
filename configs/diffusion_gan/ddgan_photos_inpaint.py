"""Denoising diffusion-GAN that fills thin holes in photographs, 2 steps on 64x64 crops.

    dgan train ddgan_photos_inpaint --data.name FOLDER --train.steps 20000

Our reading of DDGAN for restoration (see ddgan_cifar10_inpaint). Measured here, 2026-11-25, 300 steps on
the bundled photographs, LaMa thin holes on 24 unseen pieces: 27.75 dB in the hole, the fill it starts from 27.77.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import ddgan
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=ddgan.Config(
            steps=2, features=16, multipliers=(1, 2, 4), blocks=1, attention=(), latent=32, latent_layers=2,
            latent_embedding=64, critic_features=8, critic_embedding=64, residual=True, reconstruction=1.0,
            regression_share=0.8, learning_rate_generator=6e-4, learning_rate_critic=2e-4, learning_rate_end=2e-5,
            ema=0.98,
        ),
        task=Inpaint(hole="thin"),
        data=Data(name="bundled", size=64, batch=16),
        train=Train(steps=300, epoch=10, log_every=20, sample_every=0, checkpoint_every=100),
    )  # fmt: skip
