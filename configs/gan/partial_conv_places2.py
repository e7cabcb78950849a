"""Partial convolutions on Places2, 512x512, as published: dgan train partial_conv_places2 --data.name FOLDER

Liu et al., arXiv 1804.07723: batches of 6, Adam at 2e-4 and then, with the encoder's statistics held, at 5e-5. Steps
are published as days (10 and 1): 1,000,000 in all here. The masks that it was trained on are files: --task.hole
folder:PATH takes them; brush strokes stand in. VGG16's weights are read from DGAN_WEIGHTS. Re-implemented by MMagic,
free-form holes at 256x256: Places2 L1 8.78 %, PSNR 22.76, SSIM 0.801. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import partial_conv
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=partial_conv.Config(),
        task=Inpaint(hole="brush", fill="none"),
        data=Data(name="places2", size=512, batch=6),
        train=Train(steps=1_000_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it but VGG16, whose weights are not here, as small as it gets: for tests."""
    return Experiment(
        system=partial_conv.Config(features=4, levels=2, perceptual=0.0, style=0.0, fine_share=0.5, ema=0.9),
        task=Inpaint(hole="box", fill="none"),
        data=Data(name="places2", size=8, batch=4, crop="none"),
        train=Train(steps=4),
    )
