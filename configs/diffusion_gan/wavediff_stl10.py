"""Wavelet diffusion-GAN on STL-10 at 64x64, 4 steps, as published: dgan train wavediff_stl10 --data.name FOLDER

Phung et al., arXiv 2211.16152: batch 256 on one GPU, 900 epochs (the released checkpoint: 600), 55,585,292 and
12,743,937 parameters. An epoch is counted as the 100,000 unlabelled images, which a folder has to hold: tfds:stl10
reads the 5,000 labelled ones. Published: FID 12.93, recall 0.41. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import wavediff
from dgan_jax.tasks.generate import Generate

EPOCH = 100_000 // 256


def get_config() -> Experiment:
    return Experiment(
        system=wavediff.Config(),
        task=Generate(),
        data=Data(name="tfds:stl10", size=64, batch=256, crop="centre", resize=64),
        train=Train(steps=900 * EPOCH, epoch=EPOCH, sample_every=5_000, checkpoint_every=5_000),
    )
