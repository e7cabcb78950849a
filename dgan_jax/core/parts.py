"""The parts a system is assembled from, and what each may know of the others.

    task       what was measured of an image, and what is exactly known of it
    objective  one step's randomness (`draw`) and one pure loss per update (`phases`)
    stage      an objective and the optimizers of the players that it trains
    system     networks by player, stages, and `restore`

Nothing here computes; the train step, the evaluator and the command line are written against these types only.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np
import optax
from flax import linen as nn

Array = jax.Array | np.ndarray
"""Where arrays may also be the host's."""

Example = dict[str, jax.Array]
"""One example: `image` [H, W, C] in [-1, 1], and optionally `label` [], `hole` [H, W, 1], `kernel` [k, k], or a
level that is known of a photograph, by its name in `Task.ranges`."""

Measurement = dict[str, jax.Array]
"""What a task measured: arrays by name. Always `image`, [B, H, W, C] in [-1, 1], zero where nothing is known."""


@runtime_checkable
class Task(Protocol):
    """A degradation and what can be undone about it without a network; a frozen dataclass in `tasks/`.

    `measure(key, example)` simulates damage to a good image, then calls `observe`, which takes a damaged one as it is.
    """

    @property
    def accepts(self) -> tuple[str, ...]:
        """Arrays that may come with a photograph: of hole, kernel."""

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        """Levels that may be told of a photograph, with their least and largest values, in the units of the options."""

    def measure(self, key: jax.Array, example: Example) -> Measurement:
        """One example (no batch axis) -> its measurement. The only place where a degradation draws."""

    def observe(self, example: Example) -> Measurement:
        """A damaged photograph (no batch axis) and what is known of the damage -> its measurement; draws nothing."""

    def condition(self, y: Measurement) -> jax.Array:
        """[B, H, W, K]: the channels that a conditional network sees beside x_t; K may be 0."""

    def start(self, y: Measurement) -> jax.Array:
        """[B, H, W, C]: a cheap first estimate of the image, without a network."""

    def project(self, x0: jax.Array, y: Measurement) -> jax.Array:
        """The nearest image to `x0` that agrees with what is exactly known."""

    def strengths(self, y: Measurement) -> Mapping[str, jax.Array]:
        """What else is known of the damage, in one unit for all tasks: by kind (`tasks.levels.KINDS`), [B] or [], about
        1 where it is strong, `tasks.levels.UNKNOWN` where it is there and nobody knows how strong."""


@runtime_checkable
class Linear(Task, Protocol):
    """A task whose damage is a linear operator A, but for noise and rounding: what training-free solvers work on."""

    def values(self, y: Measurement) -> jax.Array:
        """What A gave of the unknown image."""

    def apply(self, x: jax.Array, y: Measurement) -> jax.Array:
        """A x, of the shape of `values(y)`; x: [B, H, W, C]."""

    def pseudo_inverse(self, values: jax.Array, y: Measurement) -> jax.Array:
        """A+ values, [B, H, W, C], or a regularised form of it, which the task then says."""


class Context(NamedTuple):
    """What a loss may read besides parameters: none of it is differentiated."""

    model_state: dict[str, Any]  # by player: batch statistics, spectral vectors
    memory: dict[str, Any]  # the objective's own: augmentation probability, replay buffer, running means
    step: jax.Array  # [] int32, counted from the start of the stage


class Report(NamedTuple):
    """What a loss hands back besides its value; players or entries that are not named stay as they are."""

    metrics: dict[str, jax.Array] = {}  # noqa: RUF012
    model_state: dict[str, Any] = {}  # noqa: RUF012
    memory: dict[str, Any] = {}  # noqa: RUF012


Loss = Callable[[dict[str, Any], Context, Example, Any], tuple[jax.Array, Report]]
"""(params by player, context, batch, draws) -> (scalar, report)."""


class Phase(NamedTuple):
    """One update of one player. The loss takes all parameters and is differentiated for `player` alone."""

    player: str
    loss: Loss


@dataclasses.dataclass(frozen=True)
class Objective:
    """`draw(key, example)` makes all randomness of a step for one example; `phases` are run in order, each on the
    parameters that the ones before it left. `memory()` is the objective's state between steps."""

    draw: Callable[[jax.Array, Example], Any]
    phases: tuple[Phase, ...]
    memory: Callable[[], dict[str, Any]] = dict


@dataclasses.dataclass(frozen=True)
class Stage:
    """One training run. Players without an optimizer here are frozen; `begin` hands weights from the stage before
    to this one. The `steps` of all stages add up to those of the training (`Spec.steps`). `check` is called before
    anything is trained: a ValueError where what the stage needs beside the data is not there."""

    name: str
    steps: int
    objective: Objective
    optimizers: Mapping[str, optax.GradientTransformation]
    begin: Callable[[dict[str, Any]], dict[str, Any]] = lambda params: params
    check: Callable[[], object] = lambda: None


@dataclasses.dataclass(frozen=True)
class Player:
    """A network of a system.

    `inputs(y)` are the arguments it is initialised with, `ema` its averaging decay (0: none).
    """

    module: nn.Module
    inputs: Callable[[Measurement], tuple]
    ema: float = 0.0


@dataclasses.dataclass(frozen=True)
class Spec:
    """What a system may know of its surroundings when it is built.

    `axis_name` is the mapped axis of devices: a network that looks across the batch gathers along it. `steps` and
    `epoch` (both in training steps) are for learning-rate schedules. `batch` is the number of images whose losses are
    computed together, over all devices (0: no training).
    """

    height: int
    width: int
    channels: int
    classes: int = 0
    steps: int = 1
    epoch: int = 1
    batch: int = 0
    axis_name: str | None = None


Restore = Callable[[dict[str, Any], Measurement, jax.Array], Array]
"""(variables, y, keys [B]) -> image [B, H, W, C]. `variables` is {"params": by player, "model_state": by player}."""


@dataclasses.dataclass(frozen=True)
class System:
    """A restorer. Without `players` and `stages` it is a classical method.

    `restore` is pure and may be jitted, unless `host` says that it is a library's function on host arrays.
    `multiple`: heights and widths must be multiples of it (the caller pads). `calls`: network calls per image.
    """

    restore: Restore
    players: Mapping[str, Player] = dataclasses.field(default_factory=dict)
    stages: tuple[Stage, ...] = ()
    multiple: int = 1
    calls: int = 0
    host: bool = False
