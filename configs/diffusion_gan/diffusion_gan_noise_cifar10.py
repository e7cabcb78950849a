"""Diffusion-GAN on CIFAR-10 with DDGAN's networks in one step: dgan train diffusion_gan_noise_cifar10

Wang et al., arXiv 2206.02262: the chain (10 to 1000 steps, noise 0.05, target 0.6, priority), batch 64, R1 0.01 every
16 steps, Adam betas 0 and 0.99 and a decay of 0.9999 (half-life 500,000 images) are those of its CIFAR-10 run with
StyleGAN2, 100 million images. Networks and learning rates are DDGAN's (Xiao et al., arXiv 2112.07804): StyleGAN2's rate
belongs to its scaled layers. Published, with StyleGAN2: FID 3.19. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import diffusion_gan_noise
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 64


def get_config() -> Experiment:
    return Experiment(
        system=diffusion_gan_noise.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=64, crop="none"),
        train=Train(steps=2000 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )
