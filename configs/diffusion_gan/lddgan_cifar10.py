"""Latent denoising diffusion-GAN on CIFAR-10, 4 steps: dgan train lddgan_cifar10 --data.name tfds:cifar10

Trinh and Hamagami, arXiv 2406.11713: codes of 4x16x16, batch 256, 2000 epochs (the released checkpoint: 950),
33,329,668 and 7,628,545 parameters; the autoencoder (14,646,759 parameters) with batch 32 and a rate of 4.5e-6 x 32,
here with the diffusion's batch in the first fifth of the steps. For released files copy this config with
autoencoder_share=0 and code_scale=105, and see dgan convert. Published (README of the repository): FID 2.95, recall
0.58, 0.08 s per 100 images on an A5000. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import lddgan
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 256


def get_config() -> Experiment:
    return Experiment(
        system=lddgan.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=256, crop="none"),
        train=Train(steps=2500 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )
