"""The last part of ECDP's training: dgan train ecdp_df2k_x4_perceptual --train.begin_with RUN --data.name FOLDER

Yuan, Yuan, arXiv 2404.10688: whole restorations by half of the distance of VGG19's features (conv5_4), 1,000 steps of
12 crops of 160 at a rate of 1e-5, from the averages of a run of ecdp_df2k_x4. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ecdp
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=ecdp.Config(encoder_share=0.0, perceptual_share=1.0),
        task=SuperResolution(scale=4),
        data=Data(name="df2k", size=160, batch=12),
        train=Train(steps=1_000, sample_every=500, checkpoint_every=250),
    )
