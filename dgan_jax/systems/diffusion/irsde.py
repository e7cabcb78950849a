"""IR-SDE and Refusion: an SDE that reverts to the damaged image, and the way back to the clean one, for every task.

Luo, Gustafsson, Zhao, Sjoelund, Schoen, "Image Restoration with Mean-Reverting Stochastic Differential Equations", ICML
2023, arXiv 2301.11699; with NAFNet: "Refusion", arXiv 2304.08291.

The SDE ends at the task's image as it was measured (holes black, small images enlarged), with noise. The network says
the noise; what it is trained by is how far the step that it makes lies from the likeliest one (the paper's maximum
likelihood objective). Images are in [0, 1] in here, as published.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from dgan_jax.core import checks
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Context, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.nets.irsde_unet import IRSDEUNet
from dgan_jax.nets.nafnet import ConditionalNAFNet
from dgan_jax.objectives.conditional import Draws, denoising
from dgan_jax.objectives.errors import ERRORS
from dgan_jax.process import mean_reverting as sde
from dgan_jax.samplers import mean_reverting
from dgan_jax.systems import conditional

PAPER = "Luo et al. 2023, arXiv 2301.11699"
TASKS = conditional.TASKS
WHEN_RESTORING = ("sampler",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(conditional.Training):
    """Defaults are the published values for enlarging and holes; blur and rain have a spread of 10."""

    steps: int = 100
    """Steps T, all of which a restoration takes."""
    spread: float = 30.0
    """Deviation of the SDE's end around the damaged image, in grey levels of 255."""
    schedule: str = "cosine"
    """Of the rate of reversion: cosine, linear or constant."""
    left: float = 0.005
    """What the SDE's end still has of the clean image."""
    sampler: str = "sde"
    """The way back: sde, ode (draws nothing on the way) or posterior."""
    loss: str = "l1"
    """Of the step that is made against the likeliest one: l1 or l2."""
    network: str = "unet"
    """unet (IR-SDE's), or nafnet (Refusion's)."""
    features: int = 64
    """Width of the first level; every further one has twice that of the one before."""
    depth: int = 4
    """Levels of the U-Net."""
    heads: int = 4
    """Heads of the U-Net's attention."""
    head_channels: int = 32
    down: tuple[int, ...] = (1, 1, 1, 28)
    """Blocks of NAFNet on the way down, by level, in the middle, and on the way up from the deepest level."""
    middle: int = 1
    up: tuple[int, ...] = (1, 1, 1, 1)
    halvings: tuple[float, ...] = (2 / 7, 4 / 7, 6 / 7)
    """Where the rate is halved, as parts of the training."""
    beta2: float = 0.99
    ema: float = 0.9995
    """Published: 0.995 for every tenth step."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least_one(self, "steps", "features", "depth", "heads", "head_channels")
        lookup("sampler", self.sampler, sde.STEPS)
        lookup("loss", self.loss, ERRORS)
        lookup("network", self.network, dict.fromkeys(("unet", "nafnet")))
        process_of(self)
        if len(self.down) != len(self.up):
            raise ValueError(f"system.down and system.up need as many levels, got {self.down} and {self.up}")
        if not all(0 < place < 1 for place in self.halvings):
            raise ValueError(f"system.halvings are parts of the training, in (0, 1); got {self.halvings}")


def process_of(config: Config) -> sde.MeanReverting:
    return sde.mean_reverting(config.steps, spread=config.spread, schedule=config.schedule, left=config.left)


def network_of(config: Config, channels: int) -> IRSDEUNet | ConditionalNAFNet:
    options: dict[str, Any] = {
        "out_channels": channels, "features": config.features, "dtype": jnp.dtype(config.dtype), "remat": config.remat,
    }  # fmt: skip
    if config.network == "nafnet":
        return ConditionalNAFNet(down=config.down, middle=config.middle, up=config.up, **options)
    return IRSDEUNet(depth=config.depth, heads=config.heads, head_channels=config.head_channels, **options)


def build(config: Config, task: Task, spec: Spec) -> System:
    """The network "denoiser", which is averaged."""
    process, network = process_of(config), network_of(config, spec.channels)
    unit = lambda image: image / 2 + 0.5
    damaged = lambda y: unit(y["image"])

    def say(params: Any, x: jax.Array, mu: jax.Array, t: jax.Array) -> jax.Array:
        return conditional.says(network, params, (x, mu, t))

    def loss(
        params: dict, context: Context, image: jax.Array, y: Measurement, draws: Draws
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        del context
        x0, mu, t = unit(image), damaged(y), draws.t
        x = sde.diffuse(process, x0, mu, t, draws.noise)
        made = sde.reverse_mean(process, x, mu, say(params["denoiser"], x, mu, t), t)
        error = ERRORS[config.loss](made, sde.best(process, x, x0, mu, t))
        return error, {"error": error}

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        mu, noise = damaged(y), conditional.draws(y, keys, y["image"].shape[1:])
        ask = lambda x, t: say(variables["params"]["denoiser"], x, mu, t)
        begin = sde.begin(process, mu, noise(conditional.START))
        x = mean_reverting.sample(ask, sde.STEPS[config.sampler], process, begin, mu, noise)
        return conditional.finished(task, y, 2 * x - 1)

    objective = denoising(loss=loss, measure=task.measure, shape=lambda image: image, times=(1, config.steps))
    halved = {round(spec.steps * place): 0.5 for place in config.halvings}
    rate = optax.piecewise_constant_schedule(config.learning_rate, halved)
    optimizer = optax.adam(rate, b1=0.9, b2=config.beta2, eps=1e-8)
    inputs = lambda y: (y["image"], y["image"], jnp.ones(y["image"].shape[0], jnp.int32))
    return System(
        restore, {"denoiser": Player(network, inputs, config.ema)},
        (Stage("denoising", spec.steps, objective, {"denoiser": optimizer}),), calls=config.steps, draws=True,
    )  # fmt: skip
