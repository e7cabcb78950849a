"""A thin plate under tension in the hole: between the harmonic and the biharmonic fill, often better than both.

Our multi-level solver in JAX (`ops/prefill.py`).
"""

import dataclasses

import jax

from dgan_jax.core import checks
from dgan_jax.core.parts import Measurement, Spec, System, Task
from dgan_jax.ops import prefill

PAPER = "Franke 1985, Computer Aided Geometric Design 2"
TASKS = ("inpaint",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    steps: int = 24
    """Conjugate-gradient steps per level of the pyramid."""
    tension: float = 0.5
    """Weight of the membrane's energy against the plate's; 0 is biharmonic."""

    def __post_init__(self) -> None:
        checks.at_least_one(self, "steps")
        if self.tension < 0:
            raise ValueError(f"system.tension must not be negative, got {self.tension}")


def build(config: Config, task: Task, spec: Spec) -> System:
    del task, spec

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        del variables, keys
        below = y["below"][..., :-1] if "below" in y else None  # of a window of a large photograph
        return prefill.spline(y["image"], y["hole"], tension=config.tension, steps=config.steps, below=below)

    return System(restore=restore)
