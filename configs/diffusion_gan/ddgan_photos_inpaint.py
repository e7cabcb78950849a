"""Denoising diffusion-GAN that fills brush strokes in photographs, 4 steps on 64x64 crops: the model of `dgan quickstart`.

    dgan train ddgan_photos_inpaint --data.name FOLDER

Our reading of DDGAN for restoration (see ddgan_cifar10_inpaint). Measured here: see the table of the quickstart in README.md.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import ddgan
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=ddgan.Config(
            features=32, multipliers=(1, 2, 2, 4), blocks=1, attention=(), latent=32, latent_layers=2, latent_embedding=64, critic_features=16,
            critic_embedding=64, residual=True, reconstruction=10.0, regression_share=0.6,
            learning_rate_generator=4e-4, learning_rate_critic=1e-4, learning_rate_end=2e-5, ema=0.99,
        ),
        task=Inpaint(hole="brush"),
        data=Data(name="bundled", size=64, batch=16),
        train=Train(steps=400, epoch=50, log_every=20, sample_every=200, checkpoint_every=100),
    )  # fmt: skip
