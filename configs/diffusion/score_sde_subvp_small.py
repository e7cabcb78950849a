"""A small DDPM++ (sub-VP) for CIFAR-10 or pieces of photographs: dgan train score_sde_subvp_small --data.name photos/

Nothing of it is published. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import score_sde_subvp
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=score_sde_subvp.Config(
            steps=200, features=32, multipliers=(1, 2, 2), blocks=1, dropout=0.0, learning_rate=5e-4, warmup=200,
            ema=0.998,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=16, crop="none"),
        train=Train(steps=10_000, sample_every=0, checkpoint_every=500),
    )  # fmt: skip
