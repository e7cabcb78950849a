"""I2SB that enlarges by 4 on ImageNet 256: dgan train i2sb_imagenet256_x4

Liu et al., arXiv 2302.05872: a bridge of 1,000 states, beta_max 0.3, batch 256, guided diffusion's unconditional
network, with whose weights it begins (--train.begin_with: a converted 256x256_diffusion_uncond.pt). Published: FID 2.8
on 10,000 images. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import i2sb
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=i2sb.Config(remat=True),
        task=SuperResolution(scale=4),
        data=Data(name="tfds:imagenet2012", size=256, batch=256, crop="centre", resize=256),
        train=Train(steps=1_000_000, sample_every=20_000, checkpoint_every=5_000),
    )
