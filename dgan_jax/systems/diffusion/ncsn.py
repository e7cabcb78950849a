"""Noise conditional score network: the slope of the density of noisy images at ten levels, and Langevin steps along it.

Song, Ermon, "Generative Modeling by Estimating Gradients of the Data Distribution", NeurIPS 2019, arXiv 1907.05600. It
fills holes by the solver annealed_langevin; solvers of denoisers take its runs as well.

Images are in [-1, 1] here and were in [0, 1] there: published deviations count double, and a score half.
"""

import dataclasses
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dgan_jax.core import checks
from dgan_jax.core.parts import Denoiser, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.nets.ddpm_unet import geometric_sigmas
from dgan_jax.nets.refinenet import RefineNet
from dgan_jax.objectives.score import score_matching
from dgan_jax.process.gaussian import Gaussian, expand, gaussian_of
from dgan_jax.process.predictions import PREDICTIONS
from dgan_jax.samplers import annealed_langevin
from dgan_jax.spaces.pixel import pixel
from dgan_jax.systems import walking

PAPER = "Song, Ermon 2019, arXiv 1907.05600"
TASKS = ("generate",)
LENDS = (Denoiser,)
WHEN_RESTORING = ("each", "step_size")
UNIT = 2.0
"""Of the published images, here."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the published CIFAR-10 values."""

    levels: int = 10
    sigma_first: float = 1.0
    """Deviation of the most noise, of images in [0, 1]."""
    sigma_last: float = 0.01
    features: int = 128
    """Width of the first level; 64 for images of digits."""
    units: int = 2
    """Residual units for each input of a refinement; at the end one more."""
    each: int = 100
    """Langevin steps on each level."""
    step_size: float = 2e-5
    """On the last level; in proportion to the variance on the others."""
    learning_rate: float = 1e-3
    ema: float = 0.0
    """The paper averages nothing."""
    dtype: str = "float32"
    """Activations: float32 or bfloat16."""

    def __post_init__(self) -> None:
        checks.known_dtype(self)
        if not 0 < self.sigma_last < self.sigma_first:
            raise ValueError(
                f"system.sigma_last must lie between 0 and system.sigma_first, got {self.sigma_last} and "
                f"{self.sigma_first}"
            )
        if not 0 < self.step_size < self.sigma_last**2:
            raise ValueError(
                f"system.step_size must lie between 0 and the last variance {self.sigma_last**2:.3g}, else steps "
                f"overshoot; got {self.step_size}"
            )
        checks.at_least_one(self, "levels", "features", "units", "each")


@dataclasses.dataclass(frozen=True)
class Scoring:
    """What the network says at a level; t in 0 .. L-1 counts from the least noise, the network's own from the most."""

    network: RefineNet
    process: Gaussian

    def score(self, params: Any, x: jax.Array, t: jax.Array) -> jax.Array:
        """The slope of the log-density of x, of images in [-1, 1]."""
        level = jnp.round(self.process.steps - 1.0 - t).astype(jnp.int32)
        return cast(jax.Array, self.network.apply({"params": params}, x, level)) / UNIT

    def noise_said(self, params: Any, x: jax.Array, t: jax.Array, keys: jax.Array | None) -> jax.Array:
        del keys
        return -expand(jnp.asarray(self.process.noise)[t + 1], x) * self.score(params, x, t)

    def predict(
        self, variables: dict, x: jax.Array, t: jax.Array, y: Measurement, keys: jax.Array
    ) -> tuple[jax.Array, None]:
        del y, keys
        return PREDICTIONS["score"].x0(self.process, self.score(variables["params"]["denoiser"], x, t), x, t), None


def build(config: Config, task: Task, spec: Spec) -> System:
    """The RefineNet "denoiser"."""
    del task
    sigmas = UNIT * np.asarray(geometric_sigmas(config.sigma_first, config.sigma_last, config.levels))
    table = np.concatenate([[0.0], sigmas[::-1]])
    process = gaussian_of(np.ones_like(table), table)
    # The network sees [-1, 1] as it is.
    network = RefineNet(config.features, config.levels, centred=True, units=config.units, dtype=jnp.dtype(config.dtype))
    scoring, space = Scoring(network, process), pixel()
    prior = Denoiser(scoring.predict, process, lambda variables: space)

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        walk = walking.walk(prior, variables, y, keys)
        params = variables["params"]["denoiser"]
        slope = lambda x, i, number: scoring.score(params, x, jnp.full(x.shape[:1], config.levels - 1 - i))
        # Any value of an image is as likely at the start: a normal deviate's rank.
        start = 2 * jax.scipy.special.ndtr(walk.draw(walking.START, 0)) - 1
        share = config.step_size / config.sigma_last**2
        return walk.image(annealed_langevin.sample(slope, sigmas, start, walk.noise, share=share, each=config.each))

    objective = score_matching(
        say=scoring.noise_said,
        marginal=lambda t: (jnp.ones(t.shape), jnp.asarray(process.noise)[t + 1]),
        draw_time=lambda key: jax.random.randint(key, (), 0, config.levels),
        reduce="half_sum",
    )
    optimizer = optax.adam(config.learning_rate, b1=0.9, b2=0.999, eps=1e-8)
    players = {
        "denoiser": Player(network, lambda y: (y["image"], jnp.zeros(y["image"].shape[0], jnp.int32)), config.ema)
    }
    stages = (Stage("denoising", spec.steps, objective, {"denoiser": optimizer}),)
    return System(restore, players, stages, multiple=2, calls=config.levels * config.each, draws=True, prior=prior)
