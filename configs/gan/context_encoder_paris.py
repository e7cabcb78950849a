"""Context Encoder for the middle of 128x128 street views, as released: dgan train context_encoder_paris --data.name DIR

Pathak et al., arXiv 1604.07379: crops of 128 from images whose shorter side is 350, batches of 64, 500 epochs (of
14,900 images; the dataset is given out on request). 71,124,544 and 2,765,568 parameters. Holes "middle" leave 4 pixels
within the edge of the predicted square; the random regions of the paper are context_encoder_regions. Published: mean L1
9.37 %, L2 1.96 %, PSNR 18.58. The checkpoint of its PyTorch port: dgan convert netG_streetview.pth --config
context_encoder_paris. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import context_encoder
from dgan_jax.tasks.inpaint import Inpaint

EPOCH = 14_900 // 64


def get_config() -> Experiment:
    return Experiment(
        system=context_encoder.Config(),
        task=Inpaint(hole="middle", fill="none"),
        data=Data(name="paris_streetview", size=128, batch=64, resize=350),
        train=Train(steps=500 * EPOCH, epoch=EPOCH),
    )


def get_tiny() -> Experiment:
    """The model of the middle, as small as it gets: for tests."""
    return Experiment(
        system=context_encoder.Config(
            features=4, decoder_features=4, bottleneck=8, critic_features=4, overlap=1, learning_rate_generator=2e-4,
            ema=0.9,
        ),
        task=Inpaint(hole="middle", fill="none"),
        data=Data(name="paris_streetview", size=16, batch=4, crop="none"),
        train=Train(steps=4),
    )  # fmt: skip
