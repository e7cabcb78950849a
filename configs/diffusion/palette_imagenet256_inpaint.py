"""Palette as in the paper, filling holes on ImageNet 256: dgan train palette_imagenet256_inpaint

Saharia et al., arXiv 2111.05826: guided diffusion's network (552 million parameters, here with heads of 64), batch
1024, 1,000,000 steps, Adam 1e-4. Published: FID 5.2, IS 205.5 of free-form holes of 20 to 30 %. Measured here: not yet
run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import palette
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=palette.Config(
            features=256, multipliers=(1, 1, 2, 2, 4, 4), attention=(32, 16, 8), head_channels=64, learning_rate=1e-4,
            warmup=10_000, remat=True,
        ),
        task=Inpaint(hole="brush", fill="none"),
        data=Data(name="tfds:imagenet2012", size=256, batch=1024, crop="centre", resize=256),
        train=Train(steps=1_000_000, sample_every=20_000, checkpoint_every=5_000),
    )  # fmt: skip
