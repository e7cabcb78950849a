"""What the three systems of score-based models in continuous time share: options, network, training, sampling.

Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations", ICLR 2021, arXiv 2011.13456.

Images are in [-1, 1] here. The variance exploding models were published on [0, 1]: there x = 2 x' - 1, and noise of the
published deviation sigma is 2 sigma here; the network is told sigma, and its score counts half.
"""

import dataclasses
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dgan_jax.core import checks
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Denoiser, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.core.rates import risen
from dgan_jax.nets.ddpm_unet import DDPMUNet, geometric_sigmas
from dgan_jax.nets.layers import dropped
from dgan_jax.nets.ncsnpp import ACTIVATIONS, SKIP_SCALES, ScoreNCSNpp
from dgan_jax.objectives.score import REDUCTIONS, score_matching
from dgan_jax.process.gaussian import at, expand
from dgan_jax.process.levels import Continuous, Levels, importance, levels_of, uniform_times
from dgan_jax.process.predictions import PREDICTIONS
from dgan_jax.process.sde import SDE, VarianceExploding
from dgan_jax.samplers import predictor_corrector
from dgan_jax.spaces.pixel import pixel
from dgan_jax.systems import walking

LEAST = 1e-5
"""The least time that training draws."""
WHEN_RESTORING = ("predictor", "corrector", "corrections", "snr", "flow", "restore_steps")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What the Configs have in common."""

    steps: int = 1000
    """Pieces N that the time is cut into; published: 2000 for images of 256 pixels and more."""
    continuous: bool = True
    """False: it learns the N levels of SMLD or DDPM alone."""
    end: float = 1e-3
    """The time at which sampling stops."""
    likelihood: bool = False
    """Weigh levels as the likelihood does (needs `continuous`)."""
    importance: bool = False
    """Draw times as often as the likelihood weighs them, instead of weighing (needs `likelihood`)."""
    reduce: str = "mean"
    """Of an image's errors: mean or half_sum."""
    predictor: str = "euler"
    """euler, reverse (reverse diffusion), ancestral or none."""
    corrector: str = "none"
    """langevin, annealed or none."""
    corrections: int = 1
    """Corrector steps a level."""
    snr: float = 0.16
    """Of a corrector step."""
    flow: bool = False
    """Predictor steps along the probability-flow ODE, without noise (euler, reverse)."""
    restore_steps: int = 0
    """Levels when sampling; 0: `steps`."""
    network: str = "ncsnpp"
    """ncsnpp (NCSN++ and DDPM++), or ddpm, the U-Net of DDPM."""
    features: int = 128
    """Width of the first level."""
    multipliers: tuple[int, ...] = (1, 2, 2, 2)
    """Width of each level, in units of `features`."""
    blocks: int = 4
    """Residual blocks per level; published: 8 for the deep networks."""
    attention: tuple[int, ...] = (16,)
    """Side lengths of features (at the training size) that have self-attention."""
    block: str = "biggan"
    """biggan or ddpm (resampling outside of residual blocks). Networks ncsnpp, as the next ones."""
    fir: bool = False
    """Resample with the filter 1, 3, 3, 1."""
    input_pyramid: str = "none"
    """none, input_skip or residual."""
    output_pyramid: str = "none"
    """none, output_skip or residual."""
    combine: str = "sum"
    """How input_skip joins: sum or cat."""
    rescale: bool = True
    """Divide sums by the root of 2."""
    embedding: str = "positional"
    """positional or fourier."""
    fourier_scale: float = 16.0
    by_sigma: bool = False
    """Divide the output by the noise's deviation (variance exploding)."""
    activation: str = "swish"
    groups: int = 32
    """Groups of the norms. Network ddpm."""
    dropout: float = 0.1
    learning_rate: float = 2e-4
    warmup: int = 5000
    """Steps in which the rate rises from 0."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema: float = 0.9999
    dtype: str = "float32"
    """Activations: float32 or bfloat16."""
    remat: bool = False
    """Recompute the blocks in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        lookup("predictor", self.predictor, predictor_corrector.PREDICTORS)
        lookup("corrector", self.corrector, {**predictor_corrector.CORRECTORS, "none": None})
        lookup("reduction", self.reduce, REDUCTIONS)
        lookup("network", self.network, dict.fromkeys(("ncsnpp", "ddpm")))
        lookup("block", self.block, SKIP_SCALES)
        lookup("activation", self.activation, ACTIVATIONS)
        checks.known_dtype(self)
        if self.flow and self.predictor == "ancestral":
            raise ValueError("ancestral steps have no probability flow; try --system.predictor reverse")
        if self.importance > self.likelihood or self.likelihood > self.continuous:
            raise ValueError(
                "system.importance draws times for the weight of system.likelihood, which is known of continuous "
                "times; turn all three on"
            )
        if not 0 < self.end < 1:
            raise ValueError(f"system.end must lie between 0 and 1, got {self.end}; published: 1e-3, or 1e-5 for VE")
        if self.restore_steps < 0:
            raise ValueError(f"system.restore_steps must be a number of levels or 0, got {self.restore_steps}")
        checks.at_least_one(self, "steps", "corrections", "features", "blocks", "groups")


def network_of(config: Options, spec: Spec, sigmas: tuple[float, ...]) -> ScoreNCSNpp | DDPMUNet:
    """The network; `sigmas`: the published deviations of its levels, from the largest, for `by_sigma`."""
    shared: dict[str, Any] = {
        "image_size": spec.height, "out_channels": spec.channels, "features": config.features,
        "multipliers": config.multipliers, "blocks": config.blocks, "attention": config.attention,
        "dropout": config.dropout, "activation": config.activation, "dtype": jnp.dtype(config.dtype),
        "remat": config.remat,
    }  # fmt: skip
    if config.network == "ddpm":
        if config.by_sigma and config.continuous:
            raise ValueError(
                "the network ddpm divides by the deviations of numbered levels; turn system.continuous off"
            )
        divisors = sigmas if config.by_sigma else None
        return DDPMUNet(attention_up="level", groups=config.groups, sigmas=divisors, **shared)
    return ScoreNCSNpp(
        block=config.block, fir_kernel=(1, 3, 3, 1) if config.fir else None, input_pyramid=config.input_pyramid,
        output_pyramid=config.output_pyramid, combine=config.combine, rescale=config.rescale,
        embedding=config.embedding, fourier_scale=config.fourier_scale, by_sigma=config.by_sigma,
        sigmas=sigmas if config.by_sigma and config.embedding == "positional" else (), **shared,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Scoring:
    """What the network says, and what that means. `sde` and `levels` are of images in [-1, 1]; `unit` is how many of
    the published units of noise make one here, turned round: 2 of variance exploding models, else 1."""

    config: Options
    network: ScoreNCSNpp | DDPMUNet
    sde: SDE
    levels: Levels
    unit: float

    @property
    def exploding(self) -> bool:
        return isinstance(self.sde, VarianceExploding)

    def run(self, params: Any, x: jax.Array, label: jax.Array, keys: jax.Array | None = None) -> jax.Array:
        """What the network says of x at its own label [B]; keys [B] of dropout."""
        if keys is None:
            return cast(jax.Array, self.network.apply({"params": params}, x, label))
        return cast(jax.Array, dropped(self.network, params, (x, label), keys))

    def label(self, noise: jax.Array, t: jax.Array) -> jax.Array:
        """[B]: what the network is told of the state whose noise is this and whose t counts levels, or parts of."""
        if self.exploding:
            return noise / self.unit if self.config.continuous else jnp.round(self.sde.steps - 1.0 - t)
        if not self.config.continuous:
            return t.astype(jnp.float32)
        times = jnp.asarray(self.levels.times, jnp.float32)
        return 999 * jnp.interp(t.astype(jnp.float32), jnp.arange(len(times), dtype=jnp.float32), times)

    def noise_said(self, params: Any, x: jax.Array, t: jax.Array, keys: jax.Array | None) -> jax.Array:
        """The noise in x, for training: t [B] a time of a continuous model, else the number of a level."""
        if self.config.continuous:
            noise = self.sde.marginal(t)[1]
            label = noise / self.unit if self.exploding else 999 * t
        else:
            noise = jnp.asarray(self.levels.process.noise)[t + 1]
            label = self.label(noise, t)
        said = self.run(params, x, label, keys)
        return -expand(noise / self.unit, x) * said if self.exploding else said

    def predict(
        self, variables: dict, x: jax.Array, t: jax.Array, y: Measurement, keys: jax.Array
    ) -> tuple[jax.Array, None]:
        """x0 of x = x_{t+1}; t [B] may be a fraction."""
        del y, keys
        process = self.levels.process
        noise = at(process.noise, t + 1, t)
        said = self.run(variables["params"]["denoiser"], x, self.label(noise, t))
        if self.exploding:
            return PREDICTIONS["score"].x0(process, said / self.unit, x, t), None
        return PREDICTIONS["noise"].x0(process, said, x, t), None

    def score(self, variables: dict, x: jax.Array, t: jax.Array) -> jax.Array:
        """The slope of the log-density at times t [B], also between levels where the model is continuous."""
        label, scale = self.sde.label(t, self.config.continuous)
        if self.exploding and self.config.continuous:
            label = label / self.unit
        said = self.run(variables["params"]["denoiser"], x, label)
        return said / expand(scale * self.unit, x)


def objective_of(scoring: Scoring) -> Any:
    """Score matching at times, or at levels, as the config says."""
    config, process = scoring.config, scoring.levels.process
    shared: dict[str, Any] = {"say": scoring.noise_said, "reduce": config.reduce, "dropout": config.dropout > 0}
    if not config.continuous:
        table = lambda t: (jnp.asarray(process.signal)[t + 1], jnp.asarray(process.noise)[t + 1])
        number = lambda key: jax.random.randint(key, (), 0, config.steps)
        return score_matching(marginal=table, draw_time=number, **shared)
    sde, draw, weight = scoring.sde, uniform_times(LEAST), lambda t: 1.0
    if config.likelihood:
        weight = lambda t: jnp.square(sde.diffusion(t) / sde.marginal(t)[1])  # type: ignore[assignment,return-value]
    if config.importance:
        draw, mean = importance(sde, LEAST)
        weight = lambda t: mean
    return score_matching(
        marginal=sde.marginal, draw_time=lambda key: draw(jax.random.uniform(key)), weight=weight, **shared
    )


def build(config: Options, task: Task, spec: Spec, sde: SDE, *, unit: float = 1.0) -> System:
    """The network "denoiser", which is averaged and samples by its average; sde is of images in [-1, 1]."""
    del task
    levels, space = levels_of(sde, continuous=config.continuous, end=config.end), pixel()
    sigmas: tuple[float, ...] = ()
    if config.by_sigma:
        if not isinstance(sde, VarianceExploding):
            raise ValueError("system.by_sigma is for variance exploding models, whose network says a score")
        sigmas = geometric_sigmas(sde.most / unit, sde.least / unit, config.steps)
    network = network_of(config, spec, sigmas)
    scoring = Scoring(config, network, sde, levels, unit)
    prior = Denoiser(
        scoring.predict, levels.process, lambda variables: space, Continuous(sde, scoring.score, config.end)
    )
    cut = dataclasses.replace(sde, steps=config.restore_steps or config.steps)  # type: ignore[type-var]

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        walk = walking.walk(prior, variables, y, keys)
        score = lambda x, t: scoring.score(variables, x, t)
        _, mean = predictor_corrector.sample(
            score, cut, walk.draw(walking.START, 0) * sde.prior_std, walk.noise, predictor=config.predictor,
            corrector=config.corrector, corrections=config.corrections, snr=config.snr, flow=config.flow,
            end=config.end,
        )  # fmt: skip
        return walk.image(mean)

    adam = optax.adam(risen(config.learning_rate, config.warmup), b1=0.9, b2=0.999, eps=1e-8)
    optimizer = optax.chain(optax.clip_by_global_norm(config.clip), adam)
    players = {
        "denoiser": Player(network, lambda y: (y["image"], jnp.ones(y["image"].shape[0], np.float32)), config.ema)
    }
    stages = (Stage("denoising", spec.steps, objective_of(scoring), {"denoiser": optimizer}),)
    each = (config.predictor != "none") + config.corrections * (config.corrector != "none")
    return System(
        restore, players, stages, multiple=2 ** (len(config.multipliers) - 1), calls=cut.steps * each, draws=True,
        prior=prior,
    )  # fmt: skip
