"""SRGAN x4 as first published, from a run of srresnet_original_x4.

    dgan train srgan_original_x4 --data.name FOLDER --train.begin_with RUN

Ledig et al., arXiv 1609.04802: 200,000 steps at 1e-4, then at 1e-5, by VGG19's features behind their activation,
squared and divided by 12.75^2, and a thousandth of a critic with 3x3 kernels and 1024 dense features; crops of 96,
batch 16 of ImageNet. Our reading, since no code is public: VGG19 sees images as ImageNet's networks do. Measured here:
not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import srgan
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srgan.Config(
            network="original",
            l1=0.0,
            vgg=1 / 12.75**2,
            vgg_layers=("relu5_4",),
            vgg_distance="l2",
            adversarial=1e-3,
            critic_stages=4,
            critic_size=3,
            critic_hidden=1024,
            milestones=(0.5,),
            gamma=0.1,
            beta2=0.999,
            ema=0.0,
        ),
        task=SuperResolution(scale=4),
        data=Data(name="imagenet", size=96, batch=16),
        train=Train(steps=200_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )
