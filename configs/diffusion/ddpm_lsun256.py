"""DDPM on images of 256x256 (CelebA-HQ, LSUN), as published: dgan train ddpm_lsun256 --data.name FOLDER

Ho et al., arXiv 2006.11239: batch 64, 113,673,219 parameters; steps: CelebA-HQ 500,000, bedroom 2,400,000, cat
1,800,000, church 1,200,000. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ddpm
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=ddpm.Config(
            multipliers=(1, 1, 2, 2, 4, 4), dropout=0.0, variance="small", learning_rate=2e-5, remat=True
        ),
        task=Generate(),
        data=Data(name="tfds:lsun/church_outdoor", size=256, batch=64, crop="centre", resize=256),
        train=Train(steps=1_200_000, sample_every=50_000, checkpoint_every=5_000),
    )
