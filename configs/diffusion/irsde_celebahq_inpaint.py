"""IR-SDE that fills holes in faces, 100 steps: dgan train irsde_celebahq_inpaint --data.name FOLDER

Luo et al., arXiv 2301.11699; see irsde_div2k_x4. The hole is black in what the SDE ends at. Measured here: not yet run
at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import irsde
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=irsde.Config(),
        task=Inpaint(hole="thin", fill="none"),
        data=Data(name="celebahq", size=256, batch=4),
        train=Train(steps=700_000, sample_every=10_000, checkpoint_every=5_000),
    )
