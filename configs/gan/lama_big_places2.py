"""Big LaMa on Places2, 256x256 crops: dgan train lama_big_places2 --data.name FOLDER, and the config of its checkpoint:

    dgan convert best.ckpt --config lama_big_places2

Suvorov et al., arXiv 2109.07161: 18 blocks, 50,975,875 parameters, 120 images a step; otherwise lama_places2.
Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import lama
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=lama.Config(blocks=18),
        task=Inpaint(hole="irregular", fill="none"),
        data=Data(name="places2", size=256, batch=120),
        train=Train(steps=1_000_000, epoch=25_000, sample_every=5_000, checkpoint_every=5_000),
    )
