"""Context Encoder for regions anywhere in 128x128 images, as released.

    dgan train context_encoder_regions --data.name DIR

Pathak et al., arXiv 1604.07379: random regions of 20 to 30 % of the image, the whole of which is predicted; otherwise
context_encoder_paris. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import context_encoder
from dgan_jax.tasks.inpaint import Inpaint

EPOCH = 14_900 // 64


def get_config() -> Experiment:
    return Experiment(
        system=context_encoder.Config(whole=True, known=1.0),
        task=Inpaint(hole="regions", fill="none"),
        data=Data(name="paris_streetview", size=128, batch=64, resize=350),
        train=Train(steps=500 * EPOCH, epoch=EPOCH),
    )


def get_tiny() -> Experiment:
    """The model of whole images with the paper's channel-wise layer, as small as it gets: for tests."""
    return Experiment(
        system=context_encoder.Config(
            whole=True, known=1.0, features=4, decoder_features=4, bottleneck=0, critic_features=4,
            learning_rate_generator=2e-4,
        ),
        task=Inpaint(hole="regions", fill="none"),
        data=Data(name="paris_streetview", size=16, batch=4, crop="none"),
        train=Train(steps=4),
    )  # fmt: skip
