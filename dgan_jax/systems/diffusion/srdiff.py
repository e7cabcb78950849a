"""SRDiff: a diffusion of what the enlarged image lacks, that sees the features of a frozen encoder.

Li, Yang, Chang, Chen, Feng, Xu, Li, Chen, "SRDiff: Single Image Super-Resolution with Diffusion Probabilistic Models",
Neurocomputing 2022, arXiv 2104.14951.

Two stages: the encoder, an RRDB network, learns to enlarge by its absolute error; then it is frozen. The diffusion is
one of twice the difference between the image and the enlarged one, cut to [-1, 1]. The published code divides small
images by 256 before they are enlarged; here they are what they are.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dgan_jax.core import checks
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Context, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.nets.srdiff import SRDiffEncoder, SRDiffUNet
from dgan_jax.objectives.conditional import Draws, denoising
from dgan_jax.objectives.errors import ERRORS, mean_absolute
from dgan_jax.process.gaussian import Gaussian, diffuse, gaussian_of_betas
from dgan_jax.process.predictions import x0_of_noise
from dgan_jax.process.schedules import betas_of
from dgan_jax.samplers import pasting
from dgan_jax.systems import conditional

PAPER = "Li et al. 2022, arXiv 2104.14951"
TASKS = ("superres",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(conditional.Training):
    """Defaults are the published values for DF2K, with the encoder's own (the diffusion's file has a smaller one)."""

    steps: int = 100
    """Steps T, all of which a restoration takes."""
    schedule: str = "alpha_bar_cosine"
    """Or beta_linear, whose last beta is 0.999 then: a difference must end as noise."""
    beta_first: float = 1e-4
    beta_last: float = 0.02
    rescale: float = 2.0
    """What differences are multiplied by."""
    loss: str = "l1"
    """Error of the predicted noise: l1 or l2."""
    features: int = 64
    """Width of the U-Net's first level."""
    multipliers: tuple[int, ...] = (1, 2, 3, 4)
    """Width of each level, in units of `features`."""
    attention: bool = False
    """Linear attention in the middle."""
    see_enlarged: bool = False
    """Show the U-Net the enlarged image too."""
    encoder_features: int = 64
    encoder_blocks: int = 17
    encoder_share: float = 0.2
    """Part of the training that goes to the encoder; 0 only for one that is given (train.begin_with)."""
    encoder_learning_rate: float = 2e-4
    learning_rate: float = 2e-4
    halvings: tuple[float, ...] = (0.5,)
    """Where the U-Net's rate is halved, as parts of its stage."""
    ema: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least_one(self, "steps", "features", "encoder_features", "encoder_blocks")
        lookup("loss", self.loss, ERRORS)
        process_of(self)
        if not 0 <= self.encoder_share < 1:
            raise ValueError(f"system.encoder_share must be in [0, 1), got {self.encoder_share}")
        if not all(0 < place < 1 for place in self.halvings):
            raise ValueError(f"system.halvings are parts of the stage, in (0, 1); got {self.halvings}")
        if not self.rescale > 0:
            raise ValueError(f"system.rescale must be positive, got {self.rescale}")


def betas_ended(schedule: str, steps: int, *, first: float, last: float) -> np.ndarray:
    """[T] betas; of those that do not end as noise the last is 0.999."""
    betas = betas_of(schedule, steps, first=first, last=last)
    return betas if schedule == "alpha_bar_cosine" else np.append(betas[:-1], 0.999)


def process_of(config: Config) -> Gaussian:
    return gaussian_of_betas(betas_ended(config.schedule, config.steps, first=config.beta_first, last=config.beta_last))


def difference(image: jax.Array, enlarged: jax.Array, rescale: float) -> jax.Array:
    """What is diffused."""
    return jnp.clip((image - enlarged) * rescale, -1, 1)


def sum_of(x: jax.Array, enlarged: jax.Array, rescale: float) -> jax.Array:
    """The image of a difference."""
    return jnp.clip(x, -1, 1) / rescale + enlarged


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "encoder" and "denoiser", the U-Net."""
    process, dtype = process_of(config), jnp.dtype(config.dtype)
    scale = task.scale  # type: ignore[attr-defined]
    encoder = SRDiffEncoder(
        features=config.encoder_features, blocks=config.encoder_blocks, scale=scale, out_channels=spec.channels,
        dtype=dtype,
    )  # fmt: skip
    network = SRDiffUNet(
        features=config.features, multipliers=config.multipliers, scale=scale, see_enlarged=config.see_enlarged,
        attention=config.attention, out_channels=spec.channels, dtype=dtype, remat=config.remat,
    )  # fmt: skip

    def encode(params: Any, y: Measurement) -> tuple[jax.Array, jax.Array]:
        made: Any = encoder.apply({"params": params}, y["low"])
        return made

    def learn(
        params: dict, context: Context, image: jax.Array, y: Measurement, draws: Draws
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        del context, draws
        error = mean_absolute(encode(params["encoder"], y)[0], image)
        return error, {"error": error}

    def loss(
        params: dict, context: Context, image: jax.Array, y: Measurement, draws: Draws
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        del context
        x = diffuse(process, difference(image, y["image"], config.rescale), draws.t + 1, draws.noise)
        told = encode(params["encoder"], y)[1]
        said = conditional.says(network, params["denoiser"], (x, draws.t, told, y["image"]))
        error = ERRORS[config.loss](said, draws.noise)
        return error, {"error": error}

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        params, noise = variables["params"], conditional.draws(y, keys, y["image"].shape[1:])
        told = encode(params["encoder"], y)[1]

        def predict(x: jax.Array, t: jax.Array) -> jax.Array:
            said = conditional.says(network, params["denoiser"], (x, t, told, y["image"]))
            return jnp.clip(x0_of_noise(process, said, x, t), -1, 1)

        x = pasting.sample(predict, process, noise(conditional.START), noise)
        return conditional.finished(task, y, sum_of(x, y["image"], config.rescale))

    def inputs(y: Measurement) -> tuple:
        low = y["low"]
        count = (config.encoder_blocks + 1) // 3 * config.encoder_features
        return y["image"], jnp.zeros(low.shape[0], jnp.int32), jnp.zeros((*low.shape[:3], count)), y["image"]

    first = round(spec.steps * config.encoder_share)
    rest = spec.steps - first
    shared: dict[str, Any] = {
        "measure": task.measure, "shape": lambda image: image, "times": (0, config.steps - 1)
    }  # fmt: skip
    rate = optax.piecewise_constant_schedule(
        config.learning_rate, {round(rest * place): 0.5 for place in config.halvings}
    )
    stages = (
        Stage(
            "encoder", first, denoising(loss=learn, player="encoder", **shared),
            {"encoder": optax.adam(config.encoder_learning_rate, b1=0.9, b2=config.beta2, eps=1e-8)},
        ),
        Stage(
            "denoising", rest, denoising(loss=loss, **shared),
            {"denoiser": optax.adam(rate, b1=0.9, b2=config.beta2, eps=1e-8)},
        ),
    )  # fmt: skip
    players = {
        "encoder": Player(encoder, lambda y: (y["low"],)),
        "denoiser": Player(network, inputs, config.ema),
    }
    # The encoder is a call too.
    return System(
        restore, players, stages if first else stages[1:],
        multiple=max(scale, 2 ** (len(config.multipliers) - 1)), calls=config.steps + 1, draws=True,
    )  # fmt: skip
