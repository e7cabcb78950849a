"""ECDP that enlarges faces by 8: dgan train ecdp_celeba_x8 --data.name FOLDER

Yuan, Yuan, arXiv 2404.10688; see ecdp_df2k_x4. An encoder of 5,757,184 parameters, crops of 160, batches of 12, 500
times 200 steps. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ecdp
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=ecdp.Config(encoder_blocks=8, shown=(1, 3, 5, 7), encoder_share=0.5),
        task=SuperResolution(scale=8),
        data=Data(name="celeba", size=160, batch=12),
        train=Train(steps=200_000, sample_every=10_000, checkpoint_every=5_000),
    )
