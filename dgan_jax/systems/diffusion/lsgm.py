"""Score-based model of an autoencoder's codes, the autoencoder learning with it.

Vahdat, Kreis, Kautz, "Score-based Generative Modeling in Latent Space", NeurIPS 2021, arXiv 2106.05931. NVAE is trained
first, around a normal prior; then it and the diffusion of its codes learn together. Images by the probability-flow ODE;
the solvers of denoisers and of ODEs take its runs as well. Not here: normalising flows in NVAE, more than one scale of
codes, times drawn apart for the encoder, and the variance exploding SDE, whose last state is not all noise.
"""

import dataclasses
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax

from dgan_jax.core import checks
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Denoiser, Measurement, Player, Space, Spec, Stage, System, Task
from dgan_jax.nets.layers import by_example
from dgan_jax.nets.mixed_prior import MixedPrior
from dgan_jax.nets.ncsnpp import ScoreNCSNpp
from dgan_jax.nets.nvae import NVAE, Code
from dgan_jax.objectives import lsgm
from dgan_jax.objectives.mixture import CHANNELS, mean_image
from dgan_jax.process.gaussian import at, expand
from dgan_jax.process.latent_sde import WEIGHTINGS, Common, Geometric, SubVariancePreserving, VariancePreserving
from dgan_jax.process.levels import Continuous, levels_of
from dgan_jax.process.predictions import PREDICTIONS
from dgan_jax.samplers import probability_flow as ode
from dgan_jax.spaces.latent import latent
from dgan_jax.systems import walking

PAPER = "Vahdat, Kreis, Kautz 2021, arXiv 2106.05931"
TASKS = ("generate",)
LENDS = (Denoiser,)
WHEN_RESTORING = ("rtol", "atol", "end")
SDES = ("vp", "sub_vp", "geometric")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults follow the paper's model for CIFAR-10 with the best FID. Weight decay, Adamax's epsilon and how the
    divergence's weight rises are our reading: the paper does not tell them all."""

    autoencoder_features: int = 128
    """Width of NVAE at the size of the image."""
    autoencoder_multipliers: tuple[int, ...] = (1, 2)
    """Width after each halving; as many halvings as there are more than one."""
    groups: int = 20
    """Of a code, drawn one after another."""
    code_channels: int = 9
    """Of a group."""
    cells: int = 2
    """For each halving and doubling, and for each group on both sides."""
    autoencoder_share: float = 0.176
    """Part of the training that NVAE has alone; published: 400 epochs, then 1875."""
    autoencoder_learning_rate: float = 1e-2
    autoencoder_learning_rate_end: float = 1e-4
    weight_decay: float = 3e-4
    """Of NVAE, as a part of its gradient."""
    regulariser: float = 1e-2
    """Weight of the spectral norms of convolutions and of the largest factors of batch norms."""
    divergence: float = 0.7
    """What the weight of the divergence rises to ..."""
    divergence_share: float = 1.0
    """... in this part of NVAE's training."""
    joint_divergence_first: float = 0.7
    """The same weight when both learn, at first ..."""
    joint_divergence_share: float = 0.1
    """... and the part of that training in which it becomes 1."""
    joint_learning_rate: float = 1e-4
    """Of NVAE when both learn."""
    joint_learning_rate_end: float = 1e-5
    sde: str = "vp"
    """vp, sub_vp or geometric."""
    beta_first: float = 0.1
    """Rates of vp and sub_vp."""
    beta_last: float = 20.0
    variance_first: float = 3e-5
    """Of the geometric SDE; a code has it at time 0."""
    variance_last: float = 0.999
    steps: int = 1000
    """Pieces that the time is cut into, for solvers that take levels."""
    least: float = 0.01
    """The least time that training draws."""
    weighting: str = "drop_all_iw"
    """How times are drawn and weighed for the prior: see process/latent_sde.py."""
    end: float = 1e-6
    """The time at which sampling stops."""
    rtol: float = 1e-5
    """Tolerated error of a step of sampling, in parts of a value ..."""
    atol: float = 1e-5
    """... and besides."""
    mixed: bool = True
    """Mix what the network says with what is right for normal codes."""
    mixing: float = -3.0
    """Logit of the network's share at first; published: -6 for 256 pixels."""
    features: int = 512
    """Of the prior's network, as all that follow."""
    multipliers: tuple[int, ...] = (1, 1, 1)
    blocks: int = 8
    attention: tuple[int, ...] = (16,)
    """Side lengths of features (of codes of the training's images) that have self-attention."""
    fir: bool = True
    embedded: int = 128
    """Length of the embedding of time."""
    dropout: float = 0.2
    learning_rate: float = 1e-4
    ema: float = 0.9999
    remat: bool = False
    """Recompute the blocks in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        lookup("weighting", self.weighting, WEIGHTINGS)
        lookup("SDE", self.sde, dict.fromkeys(SDES))
        if self.weighting == "drop_all_iw" and self.sde != "vp":
            raise ValueError(
                f"system.weighting drop_all_iw is known of the vp SDE only, got {self.sde}; try drop_all_uniform"
            )
        if not 0 < self.autoencoder_share < 1:
            raise ValueError(f"system.autoencoder_share must lie between 0 and 1, got {self.autoencoder_share}")
        for name in ("least", "end", "rtol", "atol"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"system.{name} must lie between 0 and 1, got {getattr(self, name)}")
        if not 0 < self.variance_first < self.variance_last < 1:
            raise ValueError(
                "system.variance_first and system.variance_last must rise within 0 and 1, got "
                f"{self.variance_first} and {self.variance_last}"
            )
        checks.decay(self)
        checks.at_least_one(
            self, "autoencoder_features", "groups", "code_channels", "cells", "steps", "features", "blocks", "embedded"
        )


def sde_of(config: Config) -> Common:
    if config.sde == "geometric":
        growth = {"least": config.variance_first, "most": config.variance_last}
        return Geometric(steps=config.steps, first_variance=config.variance_first, **growth)
    kind = SubVariancePreserving if config.sde == "sub_vp" else VariancePreserving
    return kind(steps=config.steps, first=config.beta_first, last=config.beta_last)


def autoencoder_of(config: Config, spec: Spec) -> NVAE:
    if spec.channels != CHANNELS:
        raise ValueError(f"LSGM's mixture of logistics is of colour pictures, got {spec.channels} channels; try 3")
    if spec.height != spec.width:
        raise ValueError(f"NVAE is made for squares, got {spec.height}x{spec.width}; crop to a square")
    return NVAE(
        spec.height, features=config.autoencoder_features, multipliers=config.autoencoder_multipliers,
        groups=config.groups, code_channels=config.code_channels, pre_cells=config.cells, post_cells=config.cells,
        encoder_cells=config.cells, decoder_cells=config.cells, axis_name=spec.axis_name,
    )  # fmt: skip


def prior_of(config: Config, side: int) -> MixedPrior:
    network = ScoreNCSNpp(
        image_size=side, out_channels=config.groups * config.code_channels, features=config.features,
        multipliers=config.multipliers, blocks=config.blocks, attention=config.attention, dropout=config.dropout,
        fir_kernel=(1, 3, 3, 1) if config.fir else None, input_pyramid="none", embedded=config.embedded,
        remat=config.remat,
    )  # fmt: skip
    return MixedPrior(network, start=config.mixing, mixed=config.mixed)


@dataclasses.dataclass(frozen=True)
class Parts:
    """Both networks as functions."""

    autoencoder: NVAE
    prior: MixedPrior
    sde: Common

    @property
    def shape(self) -> tuple[int, int, int]:
        side = self.autoencoder.image_size // self.autoencoder.factor
        return side, side, self.autoencoder.groups * self.autoencoder.code_channels

    def coded(self, params: Any, state: Any, image: jax.Array, rho: jax.Array) -> tuple[jax.Array, Code, Any]:
        """As it is trained: by the batch's statistics, which are noted."""
        own = {"params": params, **state}
        (logits, code), changed = self.autoencoder.apply(own, image, rho, True, mutable=["batch_stats"])
        return logits, code, {**state, **changed}

    def says(self, params: Any, x: jax.Array, t: jax.Array) -> jax.Array:
        """The noise in x at times t [B]."""
        return cast(jax.Array, self.prior.apply({"params": params}, x, t, self.sde.mixing(x, t)))

    def says_dropping(self, params: Any, x: jax.Array, t: jax.Array, keys: jax.Array) -> jax.Array:
        """The same with dropout, a mask for each example from its own key [B]."""
        if not self.prior.network.dropout:
            return self.says(params, x, t)
        noisy = self.prior.clone(network=self.prior.network.clone(deterministic=False))
        return cast(jax.Array, by_example(noisy, params, (x, t, self.sde.mixing(x, t)), keys))

    def score(self, variables: dict, x: jax.Array, t: jax.Array) -> jax.Array:
        return -self.says(variables["params"]["denoiser"], x, t) / expand(self.sde.marginal(t)[1], x)

    def space(self, variables: dict[str, Any]) -> Space:
        """Of codes: an image's is its mean, a code's image the mean of its law."""
        own = {"params": variables["params"]["autoencoder"], **variables["model_state"]["autoencoder"]}

        def encode(image: jax.Array) -> jax.Array:
            code: Any = self.autoencoder.apply(own, image, jnp.zeros((image.shape[0], *self.shape)))
            return cast(jax.Array, code[1].eps)

        decode = lambda code: mean_image(cast(jax.Array, self.autoencoder.apply(own, code, method="decode")))
        return latent(encode, decode, factor=self.autoencoder.factor, channels=self.shape[-1], scale=1.0)


def stages_of(config: Config, spec: Spec, parts: Parts) -> tuple[Stage, Stage]:
    first = round(spec.steps * config.autoencoder_share)
    rest = spec.steps - first
    side = parts.autoencoder.image_size
    inputs = jnp.zeros((1, side, side, CHANNELS)), jnp.zeros((1, *parts.shape))
    shapes = lambda: jax.eval_shape(parts.autoencoder.init, jax.random.key(0), *inputs)["params"]

    def autoencoding(rise: lsgm.Rise) -> lsgm.Autoencoding:
        return lsgm.Autoencoding(
            parts.coded, parts.shape, config.groups, shapes, rise, config.regulariser, spec.axis_name
        )

    def adamax(rate: float, end: float, steps: int) -> optax.GradientTransformation:
        schedule = optax.cosine_decay_schedule(rate, max(steps, 1), end / rate)
        return optax.chain(optax.add_decayed_weights(config.weight_decay), optax.adamax(schedule, eps=1e-3))

    alone = autoencoding(lsgm.Rise(1e-4, config.divergence, first * config.divergence_share))
    both = autoencoding(lsgm.Rise(config.joint_divergence_first, 1.0, rest * config.joint_divergence_share))
    objective = lsgm.joint(both, parts.sde, parts.says_dropping, weighting=config.weighting, least=config.least)
    before = adamax(config.autoencoder_learning_rate, config.autoencoder_learning_rate_end, first)
    beside = adamax(config.joint_learning_rate, config.joint_learning_rate_end, rest)
    adam = optax.adam(config.learning_rate, b1=0.9, b2=0.999, eps=1e-8)
    return (
        Stage("autoencoder", first, lsgm.alone(alone), {"autoencoder": before}),
        Stage("joint", rest, objective, {"autoencoder": beside, "denoiser": adam}),
    )


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "autoencoder" and "denoiser", the prior of codes, which is averaged and samples by its average."""
    del task
    autoencoder, sde = autoencoder_of(config, spec), sde_of(config)
    parts = Parts(autoencoder, prior_of(config, spec.height // autoencoder.factor), sde)
    levels = levels_of(cast(Any, sde), continuous=True, end=config.least)

    def predict(variables: dict, x: jax.Array, t: jax.Array, y: Measurement, keys: jax.Array) -> tuple[jax.Array, None]:
        del y, keys
        process = levels.process
        noise = at(process.noise, t + 1, t)
        said = parts.says(variables["params"]["denoiser"], x, sde.time_of(jnp.square(noise)))
        return PREDICTIONS["noise"].x0(process, said, x, t), None

    prior = Denoiser(predict, levels.process, parts.space, Continuous(cast(Any, sde), parts.score, config.least))

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        walk = walking.walk(prior, variables, y, keys)
        flow = ode.of_sde(cast(Any, sde), lambda x, t: parts.score(variables, x, t), config.end)
        x, _ = ode.carried(flow, walk.draw(walking.START, 0) * sde.prior_std, rtol=config.rtol, atol=config.atol)
        return walk.image(x)

    codes = lambda y: jnp.zeros((y["image"].shape[0], *parts.shape))
    players = {
        "autoencoder": Player(autoencoder, lambda y: (y["image"], codes(y))),
        "denoiser": Player(parts.prior, lambda y: (codes(y), jnp.ones(y["image"].shape[0]), codes(y)), config.ema),
    }
    halvings = autoencoder.factor * 2 ** (len(config.multipliers) - 1)
    return System(
        restore, players, stages_of(config, spec, parts), multiple=halvings, side=spec.height, calls=None, draws=True,
        prior=prior,
    )  # fmt: skip
