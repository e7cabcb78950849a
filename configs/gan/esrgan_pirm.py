"""ESRGAN's entry to the PIRM 2018 challenge on perceptual super-resolution (ESRGAN-PI), as far as it can be had.

    dgan train esrgan_pirm --data.name FOLDER --train.begin_with RUN

Wang et al., arXiv 1809.00219, section 4.5: 16 blocks, the mean absolute error weighs more, and the result is brought
near to the small image by 20 iterations of back-projection. Begins with a run of rrdb_div2k_x4 --system.blocks 16.
Published: perceptual index 1.978 at an RMSE of 15.30. Not as published: VGG19 stands for the VGG that was tuned to
materials, which cannot be had. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import esrgan
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=esrgan.Config(blocks=16, l1=10.0, back_projection=20),
        task=SuperResolution(scale=4),
        data=Data(name="df2k_ost", size=128, batch=16),
        train=Train(steps=400_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )
