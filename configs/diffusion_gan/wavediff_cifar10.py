"""Wavelet diffusion-GAN on CIFAR-10, 4 steps, as published: dgan train wavediff_cifar10 --data.name tfds:cifar10

Phung et al., arXiv 2211.16152: DDGAN's generator on the bands, batch 256 on one GPU, 1800 epochs (the released
checkpoint: 1300), 33,370,124 and 7,630,593 parameters. Published: FID 4.01, recall 0.55. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import wavediff
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 256


def get_config() -> Experiment:
    return Experiment(
        # The published attention at 32 is at no level of 16x16 bands: only the middle has one.
        system=wavediff.Config(
            multipliers=(1, 2, 2), attention=(32,), frequency=False, bottleneck=False, wavelet_pyramid=False,
            critic_layers=3,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=256, crop="none"),
        train=Train(steps=1800 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
