"""ResShift that fills holes on ImageNet 256, four steps in codes: dgan train resshift_imagenet256_inpaint

Yue, Wang, Loy, arXiv 2403.07319; see resshift_imagenet256_x4. Its network sees image and hole at their own size and
has 118,714,399 parameters. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import resshift
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=resshift.Config(),
        task=Inpaint(hole="medium"),
        data=Data(name="tfds:imagenet2012", size=256, batch=96, crop="centre", resize=256),
        train=Train(steps=400_000, sample_every=10_000, checkpoint_every=5_000),
    )
