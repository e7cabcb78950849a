"""Beby-GAN that enlarges photographs x4, 64x64 crops, batch 2, small enough for two CPU cores.

    dgan train bebygan_photos_x4 --data.name FOLDER

Our recipe, not published: without VGG19's features, whose weights are not shipped. Measured here: not yet run at this
size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import bebygan
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=bebygan.Config(
            features=24, blocks=3, growth=12, residual=True, vgg=0.0, adversarial=0.01, critic_features=16,
            critic_stages=4, regression_share=0.7, learning_rate_regression=1e-3, learning_rate_generator=1e-4,
            learning_rate_critic=1e-4, cycles=1, ema=0.99,
        ),
        task=SuperResolution(scale=4),
        data=Data(name="bundled", size=64, batch=2),
        train=Train(steps=1_500, epoch=100, sample_every=250, checkpoint_every=250, log_every=25),
    )  # fmt: skip
