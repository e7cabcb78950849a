"""Partial convolutions that fill brush strokes in photographs, 64x64 crops, small enough for two CPU cores.

    dgan train partial_conv_photos_inpaint --data.name FOLDER

Our small recipe, not published: a narrow network of five levels, without VGG16's features. Measured here: not yet run
at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import partial_conv
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=partial_conv.Config(
            features=24, levels=5, perceptual=0.0, style=0.0, learning_rate=1e-3, learning_rate_fine=2e-4, ema=0.99
        ),
        task=Inpaint(hole="brush", fill="none"),
        data=Data(name="bundled", size=64, batch=8),
        train=Train(steps=1000, epoch=100, log_every=20, sample_every=200, checkpoint_every=200),
    )
