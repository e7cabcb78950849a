"""IR-SDE that enlarges by 4, 100 steps, as published: dgan train irsde_div2k_x4 --data.name FOLDER

Luo et al., arXiv 2301.11699: 137,147,523 parameters, crops of 128, batch 4, 700,000 steps, Adam 1e-4 (0.9, 0.99). For
published files: dgan convert FILE.pth --config irsde_div2k_x4. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import irsde
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=irsde.Config(),
        task=SuperResolution(scale=4, enlarge="torch"),
        data=Data(name="div2k", size=128, batch=4),
        train=Train(steps=700_000, sample_every=10_000, checkpoint_every=5_000),
    )
