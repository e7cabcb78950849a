"""ESRGAN: RRDB's network against a relativistic critic, with VGG19's features before their activation.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", ECCVW 2018, arXiv 1809.00219, in the
form of BasicSR. It begins with a run of rrdb (train.begin_with), which it keeps: `realism` mixes the two networks
(section 3.4; the paper likes 0.8). The entry to PIRM 2018 has 16 blocks, a larger weight of the error and
back-projection behind the network (configs/gan/esrgan_pirm.py); its VGG was tuned to materials, which cannot be had.
Not as published: crops are mirrored, not turned; the relativistic means are over all devices.
"""

import dataclasses

import jax.numpy as jnp

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.nets.rrdb import RRDBNet, shape_of
from dgan_jax.objectives.enlarging import relativistic_average
from dgan_jax.systems import enlarging

PAPER = "Wang et al. 2018, arXiv 1809.00219"
TASKS = enlarging.TASKS
WHEN_RESTORING = ("realism", *enlarging.WHEN_RESTORING)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(enlarging.Adversarial):
    """Defaults are BasicSR's."""

    features: int = 64
    blocks: int = 23
    growth: int = 32
    """What each convolution of a dense block adds."""
    fold: int = 0
    """Pixels that are folded into one first; 0: as BasicSR does, 2 for a factor of 2 and 4 for a factor of 1. Many
    networks that people share fold none for any factor: 1."""
    remat: bool = False
    """Recompute the blocks in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("features", "blocks", "growth"):
            if getattr(self, name) < 1:
                raise ValueError(f"system.{name} must be at least 1, got {getattr(self, name)}")
        if self.fold not in (0, 1, 2, 4):
            raise ValueError(f"system.fold must be 0, 1, 2 or 4, got {self.fold}")


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator", "regressor" and "critic"."""
    fold, doublings = shape_of(enlarging.scale_of(task), config.fold)
    module = RRDBNet(
        config.features, config.blocks, config.growth, fold, doublings, spec.channels, jnp.dtype(config.dtype),
        config.remat,
    )  # fmt: skip
    game = relativistic_average(spec.axis_name)
    return enlarging.adversary(config, task, spec, module, multiple=2**doublings, game=game)
