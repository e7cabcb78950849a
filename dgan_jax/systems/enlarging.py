"""How enlarging networks become systems: what they see, how they are trained, and how two of them are mixed.

A run against a critic keeps two generators: the one that it began with, which has the least error ("regressor", never
trained), and the one that it ends with. `realism` goes from the one to the other through networks in between (Wang et
al., arXiv 1809.00219, section 3.4): theta = (1 - realism) theta_regressor + realism theta_generator.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Protocol, cast

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from dgan_jax import pretrained, tasks
from dgan_jax.core import checks
from dgan_jax.core.names import lookup, unknown
from dgan_jax.core.parts import Measurement, Objective, Player, Spec, Stage, System, Task, Variables
from dgan_jax.core.restarts import cosine_restarts, multistep, warm_cosine_restarts
from dgan_jax.nets.rrdb import RRDBNet, shape_of
from dgan_jax.nets.srresnet import MSRResNet, SRResNet, TrunkResNet
from dgan_jax.nets.vgg_critic import VGGCritic
from dgan_jax.objectives import enlarging as objectives
from dgan_jax.objectives.enlarging import Distances, Enlarge, Game, Judge, to_unit_range
from dgan_jax.objectives.errors import ERRORS
from dgan_jax.ops.back_projection import back_projection
from dgan_jax.systems.adversaries import applied

TASKS = ("superres", "denoise", "deblur", "jpeg", "paired")
"""Of networks that may also leave the size as it is."""
DISTANCES = {"l1": objectives.absolute, "l2": objectives.squared, "charbonnier": objectives.charbonnier}


def scale_of(task: Task) -> int:
    """The factor of enlarging; 1 for tasks that leave the size as it is."""
    return task.scale if tasks.name_of(task) in ("superres", "paired") else 1  # type: ignore[attr-defined]


def seen(y: Measurement) -> jax.Array:
    """What the networks see, in [0, 1]: the small image, or the damaged one of its own size."""
    return to_unit_range(y.get("low", y["image"]))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Restoring:
    """Options of every enlarging system."""

    residual: bool = False
    """Let the network say what is added to the enlarged image, or to the damaged one of its own size. Published RRDB
    and RankSRGAN make the whole image, which takes longer to learn than minutes."""
    agree: bool = False
    """Make the result agree exactly with what is known, as the small image; published networks do not. May be chosen
    when restoring."""
    back_projection: int = 0
    """Iterations that bring the result near to the small image instead (Irani, Peleg 1991), as ESRGAN's entry to PIRM
    2018 had it. May be chosen when restoring."""
    beta1: float = 0.9
    beta2: float = 0.99
    ema: float = 0.999
    dtype: str = "float32"
    """Activations: float32 or bfloat16; parameters and optimizers stay float32."""

    def __post_init__(self) -> None:
        checks.known_dtype(self)
        if self.back_projection < 0:
            raise ValueError(f"system.back_projection is a number of iterations, got {self.back_projection}")
        checks.decay(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Regression(Restoring):
    """Options of a training by the error alone. Defaults are BasicSR's."""

    distance: str = "l1"
    """l1, l2 or charbonnier."""
    learning_rate: float = 2e-4
    cycles: int = 4
    """Cosines that the rate falls along, one after the other; 0: it stays as it is."""
    learning_rate_end: float = 1e-7

    def __post_init__(self) -> None:
        super().__post_init__()
        lookup("distance", self.distance, DISTANCES)
        if self.cycles < 0:
            raise ValueError(f"system.cycles must be at least 0, got {self.cycles}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adversarial(Restoring):
    """Options of a training against a critic. Defaults are BasicSR's."""

    l1: float = 0.01
    """Weight of the mean absolute error."""
    vgg: float = 1.0
    """Weight of VGG19's features, whose weights are read from DGAN_WEIGHTS; 0 does without."""
    vgg_layers: tuple[str, ...] = ("conv5_4",)
    """conv5_4 is before its activation, relu5_4 behind it."""
    vgg_weights: tuple[float, ...] = (1.0,)
    """Of each layer, within `vgg`."""
    vgg_distance: str = "l1"
    """l1 or l2."""
    adversarial: float = 5e-3
    """Weight of the critic's judgement."""
    critic_features: int = 64
    critic_stages: int = 5
    """How often the critic halves the crop: 5 for 128x128."""
    critic_size: int = 4
    """Side of the kernels that halve."""
    critic_hidden: int = 100
    """Width of the critic's first dense layer."""
    regression_share: float = 0.0
    """Part of the training by the mean absolute error alone, where no run is given to begin with."""
    learning_rate_regression: float = 0.0
    """Of the generator in that part, which stands a larger one than a game; 0: as against the critic."""
    learning_rate_generator: float = 1e-4
    learning_rate_critic: float = 1e-4
    milestones: tuple[float, ...] = (0.125, 0.25, 0.5, 0.75)
    """Where the rates are multiplied by `gamma`, as parts of the stage."""
    gamma: float = 0.5
    cycles: int = 0
    """Instead: cosines that the rates fall along, one after the other; 0: none."""
    warm: float = 0.0
    """Part of each cycle in which the rates climb, from a tenth."""
    learning_rate_end: float = 1e-7
    """Where each cycle ends."""
    realism: float = 1.0
    """When restoring: 0 is the network that the adversarial training began with, 1 the one that it ended with, what is
    between is between."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.regression_share < 1:
            raise ValueError(f"system.regression_share must be in [0, 1), got {self.regression_share}")
        if self.learning_rate_regression < 0:
            raise ValueError(f"system.learning_rate_regression is 0 or more, got {self.learning_rate_regression}")
        if not 0 <= self.realism <= 1:
            raise ValueError(f"realism goes from 0 (least error) to 1 (most realistic), got {self.realism}")
        if not all(0 < place < 1 for place in self.milestones):
            raise ValueError(f"system.milestones are parts of the stage, in (0, 1); got {self.milestones}")
        lookup("distance", self.vgg_distance, ERRORS)
        if len(self.vgg_layers) != len(self.vgg_weights):
            raise ValueError(f"system.vgg_weights needs one for each of {self.vgg_layers}, got {self.vgg_weights}")
        if self.cycles < 0 or not 0 <= self.warm < 1:
            raise ValueError(f"system.cycles is 0 or more and warm in [0, 1), got {self.cycles}, {self.warm}")
        checks.at_least_one(self, "critic_features", "critic_stages", "critic_size", "critic_hidden")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dense(Restoring):
    """Options of ESRGAN's network."""

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
        checks.at_least_one(self, "features", "blocks", "growth")
        if self.fold not in (0, 1, 2, 4):
            raise ValueError(f"system.fold must be 0, 1, 2 or 4, got {self.fold}")


def dense_network(config: Dense, task: Task, spec: Spec) -> RRDBNet:
    """ESRGAN's network for the factor of a task."""
    fold, doublings = shape_of(scale_of(task), config.fold)
    return RRDBNet(
        config.features, config.blocks, config.growth, fold, doublings, spec.channels, jnp.dtype(config.dtype),
        config.remat,
    )  # fmt: skip


WHEN_RESTORING = ("agree", "back_projection")


def enlarger(module: nn.Module, residual: bool = False) -> Enlarge:
    """A network as objectives want it. The first SRResNet alone has statistics, and gives images in [-1, 1].

    residual: the network says what is added to the measurement's image.
    """
    first = isinstance(module, SRResNet)

    def enlarge(params: Any, state: Any, y: Measurement, train: bool) -> tuple[jax.Array, Any]:
        if first:
            image, state = applied(module, ("batch_stats",) if train else (), params, state, seen(y), train)
            image = 0.5 * image if residual else to_unit_range(image)
        else:
            image, state = applied(module, (), params, state, seen(y))
        return (image + to_unit_range(y["image"]) if residual else image), state

    return enlarge


class Residual(Protocol):
    """What Configs of residual networks tell of them."""

    @property
    def network(self) -> str: ...
    @property
    def features(self) -> int: ...
    @property
    def blocks(self) -> int: ...
    @property
    def start(self) -> float: ...
    @property
    def dtype(self) -> str: ...


NETWORKS = ("msrresnet", "original", "trunk")


def check_network(config: Residual) -> None:
    """A ValueError unless the options describe a network."""
    if config.network not in NETWORKS:
        raise unknown("network", config.network, NETWORKS)
    if config.features < 1 or config.blocks < 1:
        raise ValueError(f"system.features and blocks must be at least 1, got {config.features}, {config.blocks}")
    if not config.start > 0:
        raise ValueError(f"system.start is a deviation of weights, more than 0, got {config.start}")


def residual_network(config: Residual, task: Task, spec: Spec) -> MSRResNet | TrunkResNet | SRResNet:
    """SRResNet in one of its forms."""
    scale, dtype = scale_of(task), jnp.dtype(config.dtype)
    if config.network == "original":
        return SRResNet(config.features, config.blocks, scale, spec.channels, spec.axis_name, dtype)
    network = TrunkResNet if config.network == "trunk" else MSRResNet
    return network(config.features, config.blocks, scale, spec.channels, dtype, config.start)


def judging(critic: nn.Module) -> Judge:
    """A critic or ranker as objectives want it: always by the statistics of the batch, as in the published code."""
    return lambda params, state, x: applied(critic, ("batch_stats",), params, state, x, True)


def finished(config: Restoring, task: Task, image: jax.Array, y: Measurement) -> jax.Array:
    """A network's image in [0, 1], made to agree with what is known as far as is asked for, in [-1, 1]."""
    image = 2 * image - 1
    if config.back_projection:
        if "low" not in y:
            raise ValueError(f"back_projection is for enlarging, not for {tasks.name_of(task)}; give 0")
        image = back_projection(image, y["low"], steps=config.back_projection)
    if config.agree:
        # Twice: the first leaves a rounding, of which the second leaves nothing.
        image = task.project(task.project(image, y), y)
    return jnp.clip(image, -1, 1)


def adam(config: Restoring, schedule: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """Adam as the published trainings set it."""
    return optax.adam(schedule, b1=config.beta1, b2=config.beta2, eps=1e-8)


def ends_of(steps: int, count: int) -> list[int]:
    """Where as many equal periods end as fit."""
    count = min(count, steps)
    return [round(steps * (i + 1) / count) for i in range(count)]


def cycles(config: Regression, steps: int) -> optax.Schedule:
    """The rate of a training by the error alone."""
    if not config.cycles:
        return optax.constant_schedule(config.learning_rate)
    ends = ends_of(steps, config.cycles)
    periods = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    return cosine_restarts(config.learning_rate, periods, config.learning_rate_end)


def falling(rate: float, config: Adversarial, steps: int) -> optax.Schedule:
    """A rate that falls by `gamma` at each milestone, a share of the steps, or along cycles."""
    if config.cycles:
        ends = ends_of(steps, config.cycles)
        return warm_cosine_restarts(rate, ends, warm=round(config.warm * ends[0]), end=config.learning_rate_end)
    return multistep(rate, [round(place * steps) for place in config.milestones], config.gamma)


def regressing(config: Regression, task: Task, spec: Spec, module: nn.Module, *, multiple: int) -> System:
    """A system of one player "generator", trained by its error alone."""
    enlarge = enlarger(module, config.residual)
    distances: Distances = {config.distance: (1.0, DISTANCES[config.distance])}
    objective = objectives.regression(enlarge=enlarge, measure=task.measure, distances=distances)
    stage = Stage("regression", spec.steps, objective, {"generator": adam(config, cycles(config, spec.steps))})

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        del keys
        own = variables["params"]["generator"], variables["model_state"]["generator"]
        return finished(config, task, enlarge(*own, y, False)[0], y)

    players = {"generator": Player(module, lambda y: (seen(y),), config.ema)}
    return System(restore, players, (stage,), multiple=multiple, calls=1)


def keep_the_first(variables: Variables) -> Variables:
    """What the adversarial stage begins with is kept as "regressor", its statistics too."""
    kept = {kind: {**variables[kind], "regressor": variables[kind]["generator"]} for kind in ("params", "model_state")}
    return {**variables, **kept}


def mixed(variables: dict, realism: float) -> tuple[Any, Any]:
    """(parameters, model state) between the two generators; at the ends only one of them is read."""
    if realism in (0.0, 1.0):
        player = "generator" if realism else "regressor"
        return variables["params"][player], variables["model_state"][player]
    between = lambda a, b: (1 - realism) * a + realism * b
    pair = lambda kind: (variables[kind]["regressor"], variables[kind]["generator"])
    return jax.tree.map(between, *pair("params")), jax.tree.map(between, *pair("model_state"))


def adversarial_stages(
    config: Adversarial, spec: Spec, objective: Objective, alone: Objective, check: Callable[[], object]
) -> tuple[Stage, ...]:
    """`alone` for its share, if it has one, then `objective`."""
    first = min(round(spec.steps * config.regression_share), spec.steps - 1)
    rest = spec.steps - first
    rates = {"generator": config.learning_rate_generator, "critic": config.learning_rate_critic}
    trained = {player: adam(config, falling(rate, config, rest)) for player, rate in rates.items()}
    stages = [Stage("adversarial", rest, objective, trained, begin=keep_the_first, check=check)]
    if first:
        rate = config.learning_rate_regression or config.learning_rate_generator
        alone_trained = {"generator": adam(config, falling(rate, config, first))}
        stages.insert(0, Stage("regression", first, alone, alone_trained, check=check))
    return tuple(stages)


def adversary(
    config: Adversarial, task: Task, spec: Spec, module: nn.Module, *, multiple: int, game: Game,
    more: Distances | None = None,
    shown: Callable[[jax.Array, Measurement], jax.Array] = lambda image, y: image,
) -> System:  # fmt: skip
    """Players "generator", "regressor" (of the same network, kept) and "critic".

    `more` distances stand beside the mean absolute error and VGG19's features.
    """
    enlarge = enlarger(module, config.residual)
    critic = VGGCritic(
        config.critic_features, config.critic_stages, config.critic_hidden, config.critic_size,
        axis_name=spec.axis_name, dtype=jnp.dtype(config.dtype),
    )  # fmt: skip
    layers = dict(zip(config.vgg_layers, config.vgg_weights, strict=True))
    own: Distances = {
        "l1": (config.l1, objectives.absolute),
        "vgg": (config.vgg, objectives.through_vgg19(layers, ERRORS[config.vgg_distance])),
        **(more or {}),
    }
    objective = objectives.adversarial(
        enlarge=enlarge, judge=judging(critic), measure=task.measure, distances=own, game=game,
        weight=config.adversarial, shown=shown,
    )  # fmt: skip
    alone = objectives.regression(enlarge=enlarge, measure=task.measure, distances={"l1": (1.0, objectives.absolute)})

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        del keys
        return finished(config, task, enlarge(*mixed(variables, config.realism), y, False)[0], y)

    look: Callable[[Measurement], tuple] = lambda y: (seen(y),)
    players = {
        "generator": Player(module, look, config.ema),
        "regressor": Player(module, look),
        "critic": Player(critic, lambda y: (y["image"],)),
    }
    vgg = functools.partial(pretrained.read, "vgg19", None)
    return System(
        restore, players, adversarial_stages(config, spec, objective, alone, vgg if config.vgg else lambda: None),
        multiple=multiple, calls=1, frozen={"vgg19": lambda: cast(Any, vgg()).params} if config.vgg else {},
    )  # fmt: skip
