"""DiffIR super-resolution x4 by the mean absolute error, as published: dgan train diffir_superres_x4 --data.name FOLDER

Xia et al., arXiv 2303.09472: DF2K sub-images, crops of 256, batch 8 on each of 8 GPUs, a million steps for each of two
stages, 24,801,478 and 24,971,206 parameters; rotations, too, enlarge the published data. The published numbers are of a
third, adversarial stage: diffir_superres_x4_gan. Measured here: not yet run.
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
        task=SuperResolution(scale=4),
        data=Data(name="df2k", size=256, batch=64),
        train=Train(steps=2 * STAGE, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
