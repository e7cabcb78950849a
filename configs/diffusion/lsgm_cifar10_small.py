"""A small LSGM for CIFAR-10 or pieces of photographs, on two cores: dgan train lsgm_cifar10_small --data.name photos/

Nothing of it is published. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import lsgm
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=lsgm.Config(
            autoencoder_features=16, groups=4, code_channels=4, cells=1, autoencoder_share=0.4, features=32,
            multipliers=(1, 2), blocks=1, attention=(8,), embedded=32, dropout=0.0, learning_rate=5e-4, ema=0.998,
            steps=200, rtol=1e-3, atol=1e-3,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=16, crop="none"),
        train=Train(steps=10_000, sample_every=0, checkpoint_every=500),
    )  # fmt: skip
