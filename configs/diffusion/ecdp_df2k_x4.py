"""ECDP that enlarges by 4, along its probability flow: dgan train ecdp_df2k_x4 --data.name FOLDER

Yuan, Yuan, arXiv 2404.10688: 26,039,302 parameters and an encoder of 16,548,544; crops of 160, the encoder by itself
500 epochs in batches of 32, then both 500 epochs in batches of 16, 108,000 steps each way here. Then, with VGG19's
features, ecdp_df2k_x4_perceptual. For published files: dgan convert FILE.pt --config ecdp_df2k_x4. Measured here: not
yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ecdp
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=ecdp.Config(encoder_share=0.5),
        task=SuperResolution(scale=4),
        data=Data(name="df2k", size=160, batch=16),
        train=Train(steps=216_000, sample_every=10_000, checkpoint_every=5_000),
    )
