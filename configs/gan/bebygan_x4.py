"""Beby-GAN x4 as its code trains it, from a run of rrdb_div2k_x4.

    dgan train bebygan_x4 --data.name FOLDER --train.begin_with RUN

Li et al., arXiv 2103.15295: crops of 192 of DIV2K and Flickr2K, 8 for each of 8 GPUs, 600,000 steps in three cycles of
the rate, each behind 2,000 steps of climbing; a critic of 5,291,913 parameters. VGG19's weights are read from the
folder that DGAN_WEIGHTS names. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import bebygan
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=bebygan.Config(),
        task=SuperResolution(scale=4),
        data=Data(name="df2k", size=192, batch=64),
        train=Train(steps=600_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    return Experiment(
        system=bebygan.Config(
            features=4, blocks=1, growth=4, vgg=0.0, flat_size=3, critic_features=2, critic_stages=2, critic_hidden=8,
            adversarial=0.1, cycles=2, warm=0.5, ema=0.9, agree=True,
        ),
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=16, batch=8, crop="none"),
        train=Train(steps=4),
    )  # fmt: skip
