"""SRGAN x4 in its form of today, as BasicSR trains it, from a run of srresnet_div2k_x4.

    dgan train srgan_x4 --data.name FOLDER --train.begin_with RUN

After Ledig et al., arXiv 1609.04802: 400,000 steps by 0.01 of the mean absolute error, VGG19's features before their
activation (DGAN_WEIGHTS names the folder of its converted weights) and 0.005 of a critic; crops of 128, batch 16.
Published, RGB, 4 pixels cut off: Set5 28.02 dB, 0.8087; Set14 24.75, 0.6623; DIV2K100 26.65, 0.7462. Measured here: not
yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import srgan
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srgan.Config(),
        task=SuperResolution(scale=4),
        data=Data(name="div2k", size=128, batch=16),
        train=Train(steps=400_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    return Experiment(
        system=srgan.Config(
            features=4,
            blocks=1,
            vgg=0.0,
            l1=1.0,
            adversarial=0.1,
            critic_features=2,
            critic_stages=2,
            critic_hidden=8,
            milestones=(0.5,),
            agree=True,
        ),
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
