"""LaMa ("lama-fourier") on Places2, 256x256 crops, as published: dgan train lama_places2 --data.name FOLDER

Suvorov et al., arXiv 2109.07161: 27,048,835 and 6,962,369 parameters, holes of the training policy, 1,000,000 steps of
30 images. The perceptual loss wants the ADE20K encoder's weights in DGAN_WEIGHTS (dgan convert encoder_epoch_20.pth
--network resnet50_ade20k -o FOLDER). The published augmentation beyond crops and flips is left out. Published, Places
512x512: narrow holes FID 0.63, LPIPS 0.090; wide holes 2.21, 0.135. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import lama
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=lama.Config(),
        task=Inpaint(hole="irregular", fill="none"),
        data=Data(name="places2", size=256, batch=30),
        train=Train(steps=1_000_000, epoch=25_000, sample_every=5_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it but the perceptual loss, whose weights are not here, as small as it gets: for tests."""
    return Experiment(
        system=lama.Config(
            features=4, levels=1, blocks=1, critic_features=4, critic_layers=1, missing=1.0, perceptual=0.0,
            learning_rate_generator=1e-4, ema=0.9,
        ),
        task=Inpaint(hole="box", fill="none"),
        data=Data(name="places2", size=8, batch=4, crop="none"),
        train=Train(steps=4),
    )  # fmt: skip
