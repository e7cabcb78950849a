"""SRGAN that enlarges photographs x4, 64x64 crops, batch 2, small enough for two CPU cores.

    dgan train srgan_photos_x4 --data.name FOLDER

Our recipe, not published: without VGG19's features, whose weights are not shipped, and therefore with much of the mean
absolute error. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import srgan
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srgan.Config(
            features=32,
            blocks=6,
            start=1.0,
            vgg=0.0,
            l1=1.0,
            adversarial=0.01,
            critic_features=16,
            critic_stages=4,
            regression_share=0.7,
            learning_rate_regression=1e-3,
            learning_rate_generator=1e-4,
            learning_rate_critic=1e-4,
            milestones=(0.5, 0.8),
            ema=0.99,
        ),
        task=SuperResolution(scale=4),
        data=Data(name="bundled", size=64, batch=2),
        train=Train(steps=2_000, epoch=100, sample_every=250, checkpoint_every=250, log_every=25),
    )
