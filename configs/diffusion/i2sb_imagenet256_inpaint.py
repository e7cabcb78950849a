"""I2SB that fills holes on ImageNet 256, without noise: dgan train i2sb_imagenet256_inpaint

Liu et al., arXiv 2302.05872: beta_max 1 and the limit of optimal transport. Published: FID 4.9 of centre holes. The
authors begin with noise in the hole, here it is the task's fill. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import i2sb
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=i2sb.Config(beta_max=1.0, transport=True, see_condition=True, remat=True),
        task=Inpaint(hole="brush"),
        data=Data(name="tfds:imagenet2012", size=256, batch=256, crop="centre", resize=256),
        train=Train(steps=1_000_000, sample_every=20_000, checkpoint_every=5_000),
    )
