"""The least-squares GAN with a feature pyramid (our reading) on 256x256 crops of photographs.

    dgan train lsgan_inpaint_256 --data.name FOLDER

Nothing of it is published but what the system's file says. 200,000 steps of 16 images, rates that fall in the second
half. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import lsgan_inpaint
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=lsgan_inpaint.Config(),
        task=Inpaint(hole="irregular", fill="none"),
        data=Data(name="places2", size=256, batch=16),
        train=Train(steps=200_000, epoch=1_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    return Experiment(
        system=lsgan_inpaint.Config(
            features=4, levels=2, blocks=1, pyramid=4, critic_features=4, critic_levels=2, critic_dense=4, ema=0.9
        ),
        task=Inpaint(hole="box", fill="none"),
        data=Data(name="places2", size=8, batch=4, crop="none"),
        train=Train(steps=4),
    )
