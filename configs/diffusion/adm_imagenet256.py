"""Guided diffusion's unconditional network on images of 256x256, the prior of RePaint, DDRM and DDNM.

Dhariwal, Nichol, arXiv 2105.05233: 552,814,086 parameters, batch 256, learning rate 1e-4. For checkpoints:
dgan convert 256x256_diffusion_uncond.pt --config adm_imagenet256 --out runs/adm. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ddpm
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=ddpm.Config(
            variance="learned_range", loss="hybrid", network="adm", features=256, multipliers=(1, 1, 2, 2, 4, 4),
            attention=(32, 16, 8), head_channels=64, dropout=0.0, learning_rate=1e-4, warmup=0, remat=True,
        ),
        task=Generate(),
        data=Data(name="tfds:imagenet2012", size=256, batch=256, crop="centre", resize=256),
        train=Train(steps=1_980_000, sample_every=50_000, checkpoint_every=5_000),
    )  # fmt: skip
