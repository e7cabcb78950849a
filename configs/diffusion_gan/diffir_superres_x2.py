"""DiffIR super-resolution x2 by the mean absolute error, as published: dgan train diffir_superres_x2 --data.name FOLDER

Xia et al., arXiv 2303.09472: the network and the training of diffir_superres_x4 with 24,811,846 and 24,981,574
parameters; the small image enters as 12 channels of half its size. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import diffir
from dgan_jax.tasks.superres import SuperResolution

STAGE = 1_000_000


def get_config() -> Experiment:
    return Experiment(
        system=diffir.Config(
            dim=64, blocks=(13, 1, 1, 1), refinement=13, expansion=2.2, norm_bias=False, encoder_blocks=9,
            first_halvings=(0.5, 0.7), second_halvings=(0.5, 0.7), beta2=0.99, clip=0.0, ema=0.999,
        ),
        task=SuperResolution(scale=2),
        data=Data(name="df2k", size=256, batch=64),
        train=Train(steps=2 * STAGE, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
