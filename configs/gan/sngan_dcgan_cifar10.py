"""SNGAN's small DCGAN on CIFAR-10: dgan train sngan_dcgan_cifar10 --data.name tfds:cifar10

Miyato et al., arXiv 1802.05957, table 3, trained as the residual networks; 3,828,739 and 5,860,865 parameters. These
are the networks of DGflow's CIFAR-10 runs. Measured here: not yet run at this size; see sngan_cifar10_small.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import sngan
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 384


def get_config() -> Experiment:
    return Experiment(
        system=sngan.Config(network="dcgan", features=512, critic_features=512),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=384, crop="none", flip=False),
        train=Train(steps=50_000, epoch=EPOCH),
    )
