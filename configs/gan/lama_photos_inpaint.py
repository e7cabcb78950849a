"""LaMa that fills thick holes in photographs, 64x64 crops, small enough for two CPU cores.

    dgan train lama_photos_inpaint --data.name FOLDER

Our small recipe, not published: errors in the hole count, since a critic of minutes draws nothing by itself, the
critic's weights are small, and no perceptual network is asked for. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import lama
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=lama.Config(
            features=16, levels=2, blocks=3, critic_features=16, critic_layers=3, known=1.0, missing=10.0,
            adversarial=0.02, feature_matching=0.2, perceptual=0.0, ema=0.99,
        ),
        task=Inpaint(hole="thick", fill="none"),
        data=Data(name="bundled", size=64, batch=8),
        train=Train(steps=1000, epoch=100, log_every=20, sample_every=200, checkpoint_every=200),
    )  # fmt: skip
