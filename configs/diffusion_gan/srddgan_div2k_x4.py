"""SRDDGAN x4 on photographs, 4 steps: dgan train srddgan_div2k_x4 --data.name FOLDER

Xiao et al., Scientific Reports 14, 4272: four steps, x4 on DIV2K. The rest is our reading: networks, rates and R1 of
DDGAN for CelebA-HQ 256 (Xiao, Kreis, Vahdat, arXiv 2112.07804), crops of 256, batch 32, an absolute error of weight 1.
Published (the abstract): about 11 times as fast as SR3. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import srddgan
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srddgan.Config(),
        task=SuperResolution(scale=4),
        data=Data(name="div2k", size=256, batch=32),
        train=Train(steps=400_000, epoch=1_000, sample_every=5_000, checkpoint_every=5_000),
    )
