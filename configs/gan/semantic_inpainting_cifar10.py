"""Holes in 32x32 images by search in SNGAN's latents: dgan train semantic_inpainting_cifar10 --data.name tfds:cifar10

Yeh et al., arXiv 1607.07539, on sngan_cifar10; theirs is a DCGAN of faces. With a run that is there: dgan restore
inpaint PHOTO --hole MASK --run RUN --system semantic_inpainting. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import semantic_inpainting, sngan
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 384


def get_config() -> Experiment:
    return Experiment(
        system=sngan.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=384, crop="none", flip=False),
        train=Train(steps=50_000, epoch=EPOCH),
        solver=semantic_inpainting.Config(),
    )


def get_tiny() -> Experiment:
    """What sngan_cifar10's is: they are trained together."""
    return Experiment(
        system=sngan.Config(
            features=8, critic_features=8, bottom=1, latent=4, n_critic=1, critic_parts=2, generator_parts=1, ema=0.9
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )


def get_solver() -> semantic_inpainting.Config:
    return semantic_inpainting.Config(steps=2, restarts=2)
