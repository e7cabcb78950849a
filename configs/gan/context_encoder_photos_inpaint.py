"""Context Encoder for the middle of 64x64 crops of photographs, small enough for two CPU cores.

    dgan train context_encoder_photos_inpaint --data.name FOLDER

Our small recipe, not published: a narrow network, and holes of the whole middle (nothing of it is known). Measured
here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import context_encoder
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=context_encoder.Config(
            features=32, decoder_features=32, bottleneck=512, critic_features=16, overlap=0,
            learning_rate_generator=1e-3, learning_rate_critic=1e-4, ema=0.98,
        ),
        task=Inpaint(hole="centre", fill="none"),
        data=Data(name="bundled", size=64, batch=32),
        train=Train(steps=1000, epoch=100, log_every=20, sample_every=200, checkpoint_every=200),
    )  # fmt: skip
