"""Our two-stage restorer at its smallest, for thin holes in photographs: the model of `dgan quickstart`.

    dgan train dgan_quickstart --data.name FOLDER --train.steps 5000

Measured here: the table of the quickstart in README.md.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import dgan
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=dgan.Config(
            steps=2, restore_steps=2, wavelet_levels=1, estimator_features=(32, 48, 64), estimator_blocks=(1, 1, 2),
            features=(32, 48), blocks=(1, 1), latent=16,
            critic_features=(16, 32), critic_blocks=(1, 1), estimate_share=0.95, ema=0.995,
        ),
        task=Inpaint(hole="thin"),
        data=Data(name="bundled", size=64, batch=4),
        train=Train(steps=3000, log_every=50, sample_every=0, checkpoint_every=500),
    )  # fmt: skip
