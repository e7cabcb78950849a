"""The parts a system is assembled from, and what each may know of the others.

    task       what was measured of an image, and what is exactly known of it
    objective  one step's randomness (`draw`) and one pure loss per update (`phases`)
    stage      an objective and the optimizers of the players that it trains
    prior      what a trained system can lend to another way of restoring: a Denoiser or a Generator
    system     networks by player, stages, `restore`, and the prior
    solver     a system without networks of its own: it restores with the prior of another

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
    """A degradation and what can be undone about it without a network; those in `tasks/` are frozen dataclasses.

    `measure(key, example)` is `observe(damage(key, example))`: one takes a damaged image as it is, the other makes it.
    """

    @property
    def accepts(self) -> tuple[str, ...]:
        """Arrays that may come with a photograph: of hole, kernel."""
        return ()

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        """Levels that may be told of a photograph, with their least and largest values, in the units of the options."""
        return {}

    def damage(self, key: jax.Array, example: Example) -> Example:
        """A good image (no batch axis) -> what a user would have in hand: the damaged one, and what is told of its
        damage. The only place where a degradation draws."""

    def measure(self, key: jax.Array, example: Example) -> Measurement:
        """One example (no batch axis) -> the measurement of its damaged form."""
        return self.observe(self.damage(key, example))

    def observe(self, example: Example) -> Measurement:
        """A damaged photograph (no batch axis) and what is known of the damage -> its measurement; draws nothing."""

    def condition(self, y: Measurement) -> jax.Array:
        """[B, H, W, K]: the channels that a conditional network sees beside x_t; K may be 0."""

    def start(self, y: Measurement) -> jax.Array:
        """[B, H, W, C]: a cheap first estimate of the image, without a network."""

    def project(self, x0: jax.Array, y: Measurement) -> jax.Array:
        """The nearest image to `x0` that agrees with what is exactly known; `x0` itself where nothing is."""
        return x0

    def strengths(self, y: Measurement) -> Mapping[str, jax.Array]:
        """What else is known of the damage, in one unit for all tasks: by kind (`tasks.levels.KINDS`), [B] or [], about
        1 where it is strong, `tasks.levels.UNKNOWN` where it is there and nobody knows how strong."""
        return {}


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
    frozen: Mapping[str, Any] = {}  # variables of networks that nobody trains, by name (`System.frozen`)


class Report(NamedTuple):
    """What a loss hands back besides its value; players or entries that are not named stay as they are.

    `memory` must come out the same on every device: what differs there is gathered or averaged by the objective itself,
    over `Spec.axis_name`. With an accumulated batch each piece sees the memory that the piece before it left.
    """

    metrics: dict[str, jax.Array] = {}  # noqa: RUF012
    model_state: dict[str, Any] = {}  # noqa: RUF012
    memory: dict[str, Any] = {}  # noqa: RUF012


Loss = Callable[[dict[str, Any], Context, Example, Any], tuple[jax.Array, Report]]
"""(params by player, context, batch, draws) -> (scalar, report)."""


class Phase(NamedTuple):
    """One update. The loss takes all parameters and is differentiated for those of `players`, together.

    It is done on every `every`-th step of the stage; on the others optimizers, averages of gradients included, rest.
    `part` = (i, n) is which of n phases of one kind this is: it sees the rows i, i + n, ... of the batch and of the
    draws, which are the same images on any number of devices.
    """

    players: tuple[str, ...]
    loss: Loss
    every: int = 1
    part: tuple[int, int] = (0, 1)


def repeated(phase: Phase, times: int) -> tuple[Phase, ...]:
    """The phase `times` times, each on images and draws of its own (n_critic of Wasserstein GANs)."""
    return tuple(phase._replace(part=(i, times)) for i in range(times))


@dataclasses.dataclass(frozen=True)
class Objective:
    """`draw(key, example)` makes all randomness of a step for one example; `phases` are run in order, each on the
    parameters that the ones before it left. `memory()` is the objective's state between steps."""

    draw: Callable[[jax.Array, Example], Any]
    phases: tuple[Phase, ...]
    memory: Callable[[], dict[str, Any]] = dict


Variables = dict[str, dict[str, Any]]
"""{"params": by player, "model_state": by player} and, of what an objective remembers, "memory": by entry."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """One training run. Players without an optimizer here are frozen; `begin` hands variables (all three kinds, memory
    as the stage before left it) from the stage before to this one. The `steps` of all stages add up to those of the
    training (`Spec.steps`). `check` is called before anything is trained: a ValueError where what the stage needs
    beside the data is not there."""

    name: str
    steps: int
    objective: Objective
    optimizers: Mapping[str, optax.GradientTransformation]
    begin: Callable[[Variables], Variables] = lambda variables: variables
    check: Callable[[], object] = lambda: None


@dataclasses.dataclass(frozen=True)
class Player:
    """A network of a system.

    `inputs(y)` are the arguments it is initialised with, `ema` its averaging decay: 0 for none, a number, or a function
    of the step (jnp scalar, over all stages) where it changes.
    """

    module: nn.Module
    inputs: Callable[[Measurement], tuple]
    ema: float | optax.Schedule = 0.0


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
"""(variables, y, keys [B]) -> image [B, H, W, C]. `variables` is {"params": by player, "model_state": by player}, and
"memory" with the entries that `System.remembered` names."""


class Space(NamedTuple):
    """Where a diffusion runs: `encode` takes images [B, H, W, C] in [-1, 1] to codes [B, H/factor, W/factor,
    channels(C)], `decode` back. Those in `spaces/` are made of this."""

    encode: Callable[[jax.Array], jax.Array]
    decode: Callable[[jax.Array], jax.Array]
    channels: Callable[[int], int]
    factor: int


class Tables(Protocol):
    """A discrete diffusion as tables: x_t = signal[t] x0 + noise[t] n, for t in 0 .. T, x_0 the clean code; and of the
    step from x_{t+1} to x_t, E[x_t | x_{t+1}, x0] = mean_x0[t] x0 + mean_x[t] x_{t+1} and its log variance. Index t in
    0 .. T-1 names that step everywhere, and is what a network is told."""

    @property
    def signal(self) -> Array: ...  # [T+1]
    @property
    def noise(self) -> Array: ...
    @property
    def mean_x0(self) -> Array: ...  # [T]
    @property
    def mean_x(self) -> Array: ...
    @property
    def log_variance(self) -> Array: ...
    @property
    def steps(self) -> int: ...


@dataclasses.dataclass(frozen=True)
class Denoiser:
    """What a diffusion lends: a guess of the clean code from a noisy one, whatever its network predicts.

    `predict(variables, x, t, y, keys)`: x = x_{t+1} [B, h, w, c], t [B] int32 in 0 .. T-1, y a measurement of the task
    that the prior learnt, keys [B] for networks that draw (a diffusion-GAN's latent; others ignore them). Returns x0 of
    the shape of x and the log variance of the step back to x_t where the network has learnt it, else None.
    `process`: the chain. `space(variables)`: where x lives; its encode and decode may need the variables.
    `continuous`: of a diffusion in continuous time, its own description (`process/sde.py`), for solvers of its ODE.
    """

    predict: Callable[..., tuple[jax.Array, jax.Array | None]]
    process: Tables
    space: Callable[[dict[str, Any]], Space]
    continuous: Any = None


@dataclasses.dataclass(frozen=True)
class Generator:
    """What a GAN lends.

    `draw(key, y)`: the latent of one example, [...] (y without batch axis gives shapes and the label).
    `generate(variables, latents [B, ...], y)` -> images [B, H, W, C]. `judge(variables, images, y)` -> logits [B], the
    larger the more real; None where the critic was not kept.
    """

    draw: Callable[[jax.Array, Measurement], jax.Array]
    generate: Callable[[dict[str, Any], jax.Array, Measurement], jax.Array]
    judge: Callable[[dict[str, Any], jax.Array, Measurement], jax.Array] | None = None


Prior = Denoiser | Generator


class OwnFigure(NamedTuple):
    """What only a system itself can tell of an image, as its bits per dimension.

    `function(variables, original images [B, H, W, C] in [-1, 1], y, keys [B]) -> [B]`, pure; `protocol` is the sentence
    that goes under a table.
    """

    function: Callable[[dict[str, Any], jax.Array, Measurement, jax.Array], jax.Array]
    unit: str
    higher_is_better: bool
    protocol: str


@dataclasses.dataclass(frozen=True)
class System:
    """A restorer. Without `players` and `stages` it is a classical method.

    `restore` is pure and may be jitted, unless `host` says that it is a library's function on host arrays.
    """

    restore: Restore
    players: Mapping[str, Player] = dataclasses.field(default_factory=dict)
    stages: tuple[Stage, ...] = ()
    multiple: int = 1
    """Heights and widths must be multiples of it (the caller pads)."""
    side: int | None = None
    """The only height and width that it works at; None: any."""
    calls: int | None = 0
    """Network calls per image; None where that depends on the image."""
    draws: bool = False
    """Whether another key gives another restoration."""
    host: bool = False
    prior: Prior | None = None
    """What solvers may restore with."""
    frozen: Mapping[str, Callable[[], Any]] = dataclasses.field(default_factory=dict)
    """Networks that nobody trains and nothing is restored with, as a published VGG: name -> a function that reads their
    variables. A step gets them as `Context.frozen`; checkpoints leave them out."""
    remembered: tuple[str, ...] = ()
    """Entries of an objective's memory that `restore` reads: they outlive their stage."""
    figures: Mapping[str, OwnFigure] = dataclasses.field(default_factory=dict)
    """Figures of its own, by name; others have none of that name."""
