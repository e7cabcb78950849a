"""SRDiff that enlarges by 4, 100 steps: dgan train srdiff_df2k_x4 --data.name FOLDER

Li et al., arXiv 2104.14951: 12,934,915 parameters and an encoder of 12,381,443; crops of 160, batch 64, 100,000 steps
of the encoder and 400,000 of the diffusion. For published files: dgan convert FILE.ckpt --config srdiff_df2k_x4.
Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import srdiff
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srdiff.Config(),
        task=SuperResolution(scale=4),
        data=Data(name="df2k", size=160, batch=64, flip=False),
        train=Train(steps=500_000, sample_every=10_000, checkpoint_every=5_000),
    )
