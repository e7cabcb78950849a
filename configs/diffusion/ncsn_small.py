"""A small NCSN for CIFAR-10 or pieces of photographs, on two cores: dgan train ncsn_small --data.name photos/

Nothing of it is published. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ncsn
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=ncsn.Config(features=32, each=20),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=16, crop="none"),
        train=Train(steps=10_000, sample_every=0, checkpoint_every=500),
    )
