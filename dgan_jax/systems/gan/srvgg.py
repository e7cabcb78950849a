"""SRVGG: the compact network of Real-ESRGAN, which enlarges fast; most small models that people share are of it.

Wang, Xie, Dong, Shan, "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data", ICCVW 2021,
arXiv 2107.10833; the network (SRVGGNetCompact) came with its code later. What is here trains it by the mean absolute
error on the damage of a task; published files were trained on chains of random damage, and are taken by dgan convert.
With a factor of 1 it leaves the size as it is.
"""

import dataclasses

import jax.numpy as jnp

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.nets.srvgg import ACTIVATIONS, SRVGGNet
from dgan_jax.systems import enlarging

PAPER = "Wang et al. 2021, arXiv 2107.10833"
TASKS = enlarging.TASKS
WHEN_RESTORING = enlarging.WHEN_RESTORING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(enlarging.Regression):
    """Defaults are the network for videos, and BasicSR's training."""

    features: int = 64
    layers: int = 16
    """Convolutions between the first and the last."""
    activation: str = "prelu"
    """prelu, relu or leakyrelu."""

    def __post_init__(self) -> None:
        super().__post_init__()
        lookup("activation", self.activation, ACTIVATIONS)
        if self.features < 1 or self.layers < 0:
            raise ValueError(f"system.features and layers count what there is, got {self.features}, {self.layers}")


def build(config: Config, task: Task, spec: Spec) -> System:
    """One player, "generator"."""
    scale = enlarging.scale_of(task)
    module = SRVGGNet(config.features, config.layers, scale, spec.channels, config.activation, jnp.dtype(config.dtype))
    return enlarging.regressing(config, task, spec, module, multiple=scale)
