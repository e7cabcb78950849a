"""RRDB: ESRGAN's network trained by the mean absolute error alone, what its adversarial training begins with.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", ECCVW 2018, arXiv 1809.00219, in the
form of BasicSR. Enlarging by 2 folds 2x2 pixels into one first; with 4x4 the size stays as it is, and the same network
undoes noise, blur or compression. Not as published: crops are mirrored, not turned.
"""

import dataclasses

import jax.numpy as jnp

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.nets.rrdb import RRDBNet, shape_of
from dgan_jax.systems import enlarging

PAPER = "Wang et al. 2018, arXiv 1809.00219"
TASKS = enlarging.TASKS
WHEN_RESTORING = enlarging.WHEN_RESTORING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(enlarging.Regression):
    """Defaults are BasicSR's for DIV2K."""

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
    """One player, "generator"."""
    fold, doublings = shape_of(enlarging.scale_of(task), config.fold)
    module = RRDBNet(
        config.features, config.blocks, config.growth, fold, doublings, spec.channels, jnp.dtype(config.dtype),
        config.remat,
    )  # fmt: skip
    return enlarging.regressing(config, task, spec, module, multiple=2**doublings)
