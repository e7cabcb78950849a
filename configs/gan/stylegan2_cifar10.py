"""StyleGAN2 on CIFAR-10, the configuration "cifar": dgan train stylegan2_cifar10 --data.name tfds:cifar10

Karras et al., arXiv 1912.04958 and 2006.06676: 19,947,539 and 20,720,641 parameters, 100 million images. Published
without augmentation: FID 8.32 (arXiv 2006.06676); Inception Score 9.18 (arXiv 2006.10738). Measured here: not yet run
at this size; see stylegan2_cifar10_small.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import stylegan2
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 64


def get_config() -> Experiment:
    return Experiment(
        system=stylegan2.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=64, crop="none", flip=False),
        train=Train(steps=100_000_000 // 64, epoch=EPOCH),
    )
