"""LSGM on CIFAR-10, the model with the best FID: dgan train lsgm_cifar10 --data.name tfds:cifar10

Vahdat, Kreis, Kautz, arXiv 2106.05931: NVAE (100,867,740 parameters) alone for 400 epochs, then with the prior of its
codes (375,561,064) for 1875, in batches of 256. Published: FID 2.10, IS 9.87. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import lsgm
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=lsgm.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=256, crop="none"),
        train=Train(steps=444_000, sample_every=20_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests; NVAE has its own, of groups and halvings."""
    small = lsgm.Config(
        autoencoder_features=4, autoencoder_multipliers=(1,), groups=1, code_channels=2, cells=1, autoencoder_share=0.5,
        autoencoder_learning_rate=1e-3, autoencoder_learning_rate_end=1e-4, steps=8, beta_last=4.0, rtol=0.05,
        atol=0.05, end=1e-2, features=4, multipliers=(1,), blocks=1, attention=(), embedded=4, dropout=0.0,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=Generate(),
        data=Data(name="tfds:cifar10", size=4, batch=8, crop="none"),
        train=Train(steps=4),
    )
