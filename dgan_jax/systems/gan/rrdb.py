"""RRDB: ESRGAN's network trained by the mean absolute error alone, what its adversarial training begins with.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", ECCVW 2018, arXiv 1809.00219, in the
form of BasicSR. Enlarging by 2 folds 2x2 pixels into one first; with 4x4 the size stays as it is, and the same network
undoes noise, blur or compression. Not as published: crops are mirrored, not turned.
"""

import dataclasses

from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.systems import enlarging

PAPER = "Wang et al. 2018, arXiv 1809.00219"
TASKS = enlarging.TASKS
WHEN_RESTORING = enlarging.WHEN_RESTORING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(enlarging.Dense, enlarging.Regression):
    """Defaults are BasicSR's for DIV2K."""


def build(config: Config, task: Task, spec: Spec) -> System:
    """One player, "generator"."""
    module = enlarging.dense_network(config, task, spec)
    return enlarging.regressing(config, task, spec, module, multiple=2**module.doublings)
