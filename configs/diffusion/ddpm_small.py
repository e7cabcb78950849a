"""A small DDPM for CIFAR-10, which learns on two cores: dgan train ddpm_small --data.name tfds:cifar10

In wavelets along a cosine.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ddpm
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=ddpm.Config(
            schedule="alpha_bar_cosine", predicts="velocity", variance="small", wavelet=1, features=32,
            multipliers=(1, 2, 2), blocks=1, attention=(8,), groups=8, dropout=0.0, learning_rate=1e-3, warmup=200,
            ema=0.998,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=16, crop="none"),
        train=Train(steps=12_000, sample_every=0, checkpoint_every=500),
    )  # fmt: skip
