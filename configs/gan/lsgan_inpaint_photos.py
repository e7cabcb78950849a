"""The least-squares GAN with a feature pyramid (our reading) on 64x64 crops, small enough for two CPU cores.

    dgan train lsgan_inpaint_photos --data.name FOLDER

Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import lsgan_inpaint
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=lsgan_inpaint.Config(
            features=16, levels=3, blocks=1, pyramid=32, critic_features=16, critic_levels=4, critic_dense=64,
            learning_rate_generator=5e-4, ema=0.99,
        ),
        task=Inpaint(hole="thick", fill="none"),
        data=Data(name="bundled", size=64, batch=8),
        train=Train(steps=1000, epoch=100, log_every=20, sample_every=200, checkpoint_every=200),
    )  # fmt: skip
