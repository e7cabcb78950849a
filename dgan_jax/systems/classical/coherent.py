"""Edges and stripes are carried into the hole: anisotropic diffusion along the structure tensor, from coarse to fine.

After Weickert, "Coherence-Enhancing Diffusion Filtering", 1999; our multi-level solver in JAX (`ops/prefill.py`).
"""

import dataclasses

import jax

from dgan_jax.core import checks
from dgan_jax.core.parts import Measurement, Spec, System, Task
from dgan_jax.ops import prefill

PAPER = "Weickert 1999, IJCV 31"
TASKS = ("inpaint",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    steps: int = 16
    """Conjugate-gradient steps per level of the pyramid."""

    def __post_init__(self) -> None:
        checks.at_least_one(self, "steps")


def build(config: Config, task: Task, spec: Spec) -> System:
    del task, spec

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        del variables, keys
        below = y["below"][..., :-1] if "below" in y else None  # of a window of a large photograph
        return prefill.coherent(y["image"], y["hole"], steps=config.steps, below=below)

    return System(restore=restore)
