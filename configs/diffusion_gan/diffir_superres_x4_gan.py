"""DiffIR super-resolution x4, its third, adversarial stage as published, from a run of diffir_superres_x4.

    dgan train diffir_superres_x4_gan --data.name FOLDER --train.begin_with RUN

Xia et al., arXiv 2303.09472: 400,000 steps by the mean absolute error, the prior's, VGG19's features (DGAN_WEIGHTS
names the folder of its converted weights) and a U-Net critic. Published, from the code's page: Set14 27.73 dB, LPIPS
0.1117; DIV2K100 29.13, 0.0871. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import diffir
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=diffir.Config(
            dim=64, blocks=(13, 1, 1, 1), refinement=13, expansion=2.2, norm_bias=False, encoder_blocks=9,
            first_share=0.0, third_share=1.0, third_halvings=(0.5,), adversarial=1.0, beta2=0.99, clip=0.0, ema=0.999,
        ),
        task=SuperResolution(scale=4),
        data=Data(name="df2k", size=256, batch=64),
        train=Train(steps=400_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )  # fmt: skip
