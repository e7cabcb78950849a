"""Palette that fills holes in photographs, 50 steps on 64x64 crops, on two cores: dgan train palette_photos_inpaint

A small network. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ddim, palette
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=palette.Config(
            restore_steps=50, restore_beta_last=0.35, features=32, multipliers=(1, 2, 2), blocks=1, groups=8,
            dropout=0.0, learning_rate=5e-4, warmup=100, clip=1.0, ema=0.995,
        ),
        task=Inpaint(hole="brush", fill="none"),
        data=Data(name="bundled", size=64, batch=8),
        train=Train(steps=4_000, sample_every=1_000, checkpoint_every=400, log_every=20),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    small = palette.Config(
        restore_steps=4, restore_beta_last=0.9, features=4, multipliers=(1,), blocks=1, head_channels=4, groups=2,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=Inpaint(hole="box", fill="none"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )


def get_solver() -> ddim.Config:
    return ddim.Config(steps=2)
