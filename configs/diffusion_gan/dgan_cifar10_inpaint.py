"""Our two-stage restorer for thick holes in CIFAR-10 images, sized for two CPU cores.

    dgan train dgan_cifar10_inpaint --data.name cifar10.npz

About 49 minutes of one core. Measured: docs/cifar10-inpainting.md; beside the other diffusion-GANs, in minutes:
docs/results/cifar10.md
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import dgan
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=dgan.Config(
            steps=2, restore_steps=2, wavelet_levels=1, latent=16, texture=3.0, reconstruction=0.02,
            estimate_share=0.88,
        ),
        task=Inpaint(hole="thick"),
        # Four of these images cost as much as one photograph of 128x128 in two wavelet levels.
        data=Data(name="tfds:cifar10", size=32, batch=4, crop="none"),
        train=Train(steps=63_500, log_every=100, sample_every=2000, checkpoint_every=1000),
    )  # fmt: skip
