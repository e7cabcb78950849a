"""ESRGAN: RRDB's network against a relativistic critic, with VGG19's features before their activation.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", ECCVW 2018, arXiv 1809.00219, in the
form of BasicSR. It begins with a run of rrdb (train.begin_with), which it keeps: `realism` mixes the two networks
(section 3.4; the paper likes 0.8). The entry to PIRM 2018 has 16 blocks, a larger weight of the error and
back-projection behind the network (configs/gan/esrgan_pirm.py); its VGG was tuned to materials, which cannot be had.
Not as published: crops are mirrored, not turned; the relativistic means are over all devices.
"""

import dataclasses

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.objectives.enlarging import relativistic_average
from dgan_jax.systems import enlarging

PAPER = "Wang et al. 2018, arXiv 1809.00219"
TASKS = enlarging.TASKS
WHEN_RESTORING = ("realism", *enlarging.WHEN_RESTORING)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(enlarging.Dense, enlarging.Adversarial):
    """Defaults are BasicSR's."""


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator", "regressor" and "critic"."""
    module, game = enlarging.dense_network(config, task, spec), relativistic_average(spec.axis_name)
    return enlarging.adversary(config, task, spec, module, multiple=2**module.doublings, game=game)
