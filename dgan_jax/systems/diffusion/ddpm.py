"""Denoising diffusion probabilistic model: a U-Net says the noise in an image at any of a thousand levels.

Ho, Jain, Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, arXiv 2006.11239; a learned variance and the
cosine schedule: Nichol, Dhariwal, arXiv 2102.09672; the larger network: Dhariwal, Nichol, arXiv 2105.05233.

It learns images, with or without classes. By itself it samples through all its steps; DDIM and FastDPM take fewer, and
replacement, RePaint, DDRM and DDNM restore with it.
"""

import dataclasses
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dgan_jax.core import checks, noise
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Denoiser, Measurement, OwnFigure, Player, Spec, Stage, System, Task
from dgan_jax.core.rates import risen
from dgan_jax.nets.adm_unet import ADMUNet
from dgan_jax.nets.ddpm_unet import DDPMUNet
from dgan_jax.nets.layers import dropped
from dgan_jax.objectives.diffusion import bound, diffusion, prior_bound
from dgan_jax.process.gaussian import Chain, Gaussian, at, diffuse, gaussian_of_betas
from dgan_jax.process.predictions import PREDICTIONS, VARIANCES, previous
from dgan_jax.process.schedules import SCHEDULES, betas_of
from dgan_jax.samplers import ancestral
from dgan_jax.spaces.pixel import pixel
from dgan_jax.spaces.wavelet import wavelet
from dgan_jax.systems import walking

PAPER = "Ho, Jain, Abbeel 2020, arXiv 2006.11239"
TASKS = ("generate",)
LENDS = (Denoiser,)
FIXED = ("small", "large")
TERMS = 100
"""Network calls for the bits per dimension of an image."""
PROTOCOL = "bits_per_dimension: the variational bound of images of 8 bits (Ho et al. 2020), an upper one"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the published CIFAR-10 values."""

    steps: int = 1000
    """Levels of noise T."""
    schedule: str = "beta_linear"
    """What is linear, or which curve: see process/schedules.py; alpha_bar_cosine is that of improved DDPM."""
    beta_first: float = 1e-4
    beta_last: float = 0.02
    predicts: str = "noise"
    """What the network says: noise, x0, velocity, score, or previous (the mean of the state before)."""
    variance: str = "large"
    """Of a step back: small or large (fixed), learned_range (between the two) or learned (its logarithm itself)."""
    loss: str = "simple"
    """simple, or for a learned variance hybrid (or bound, the variational bound alone)."""
    wavelet: int = 0
    """Levels of a wavelet transform in which the diffusion runs (not of the paper): each quarters what is computed."""
    network: str = "ddpm"
    """ddpm, or adm: guided diffusion's."""
    features: int = 128
    """Width of the first level."""
    multipliers: tuple[int, ...] = (1, 2, 2, 2)
    """Width of each level, in units of `features`."""
    blocks: int = 2
    """Residual blocks per level."""
    attention: tuple[int, ...] = (16,)
    """Side lengths of features (at the training size) that have self-attention."""
    attention_up: str = "block"
    """On the way up, after each block (the original) or once a level (level, as score SDE). Network ddpm."""
    head_channels: int = 64
    """Width of attention's heads. Network adm."""
    groups: int = 32
    """Groups of the norms; must divide all widths."""
    dropout: float = 0.1
    learning_rate: float = 2e-4
    warmup: int = 5000
    """Steps in which the rate rises from 0."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema: float = 0.9999
    dtype: str = "float32"
    """Activations: float32 or bfloat16; parameters and optimizers stay float32."""
    remat: bool = False
    """Recompute the blocks in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        checks.known_dtype(self)
        lookup("schedule", self.schedule, SCHEDULES)
        lookup("prediction", self.predicts, PREDICTIONS)
        lookup("variance of a step back", self.variance, dict.fromkeys((*FIXED, *VARIANCES)))
        lookup("network", self.network, dict.fromkeys(("ddpm", "adm")))
        if self.loss not in ("simple", "hybrid", "bound"):
            raise ValueError(f"system.loss must be simple, hybrid or bound, got {self.loss!r}")
        if self.loss == ("hybrid" if self.variance in FIXED else "simple"):
            raise ValueError(
                f"system.loss {self.loss!r} does not train a variance that is {self.variance!r}; a fixed one (small, "
                "large) goes with simple or bound, a learned one with hybrid or bound"
            )
        if self.wavelet < 0:
            raise ValueError(f"system.wavelet must be a number of levels or 0, got {self.wavelet}")
        checks.at_least_one(self, "steps", "features", "blocks", "groups")


def network_of(config: Config, task: Task, spec: Spec, channels: int) -> DDPMUNet | ADMUNet:
    """The network, with twice the channels where it says how sure it is."""
    shared: dict[str, Any] = {
        "out_channels": channels * (1 if config.variance in FIXED else 2), "features": config.features,
        "multipliers": config.multipliers, "blocks": config.blocks, "classes": getattr(task, "classes", 0),
        "groups": config.groups, "dropout": config.dropout, "dtype": jnp.dtype(config.dtype), "remat": config.remat,
    }  # fmt: skip
    side = spec.height // 2**config.wavelet
    if config.network == "ddpm":
        return DDPMUNet(image_size=side, attention=config.attention, attention_up=config.attention_up, **shared)
    factors = tuple(side // attended for attended in config.attention)
    return ADMUNet(attention=factors, head_channels=config.head_channels, **shared)


@dataclasses.dataclass(frozen=True)
class Denoising:
    """What the network says, and what that means."""

    config: Config
    network: DDPMUNet | ADMUNet
    process: Gaussian

    def say(self, params: Any, x: jax.Array, t: jax.Array, y: Measurement, keys: jax.Array | None = None) -> jax.Array:
        """x: [B, H, W, C], t [B] -> [B, H, W, C or 2 C]; keys [B] of dropout, one for each image."""
        label = y.get("label")
        if keys is None:
            return cast(jax.Array, self.network.apply({"params": params}, x, t, label))
        return cast(jax.Array, dropped(self.network, params, (x, t, label), keys))

    def predict(
        self, variables: dict, x: jax.Array, t: jax.Array, y: Measurement, keys: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array | None]:
        """x0 and the log-variance of the step back, if it is learned; t [B] may be a fraction where it is not."""
        del keys
        channels = x.shape[-1]
        said = self.say(variables["params"]["denoiser"], x, t, y)
        x0 = PREDICTIONS[self.config.predicts].x0(self.process, said[..., :channels], x, t)
        if self.config.variance in FIXED:
            return x0, None
        return x0, VARIANCES[self.config.variance](self.process, said[..., channels:], t)

    def bits(self, variables: dict, images: jax.Array, y: Measurement, keys: jax.Array) -> jax.Array:
        """[B] bits per dimension of images of 8 bits: the variational bound, an upper one (Ho et al., equation 5).

        Its T terms are cut into at most `TERMS` stretches, short where there is little noise and terms are large, and
        one is drawn from each: unbiased.
        """
        steps = self.process.steps
        edges = np.unique((steps * np.linspace(0, 1, TERMS + 1) ** 2).astype(int))

        def term(total: jax.Array, inputs: tuple) -> tuple[jax.Array, None]:
            number, first, count = inputs
            own = walking.folded(keys, number)
            times, drawn = jax.vmap(jax.random.split, out_axes=1)(own)
            t = first + jax.vmap(lambda key: jax.random.randint(key, (), 0, count))(times)
            x = diffuse(self.process, images, t + 1, noise.normals(drawn, images.shape[1:]))
            x0, spread = self.predict(variables, x, t, y)
            if spread is None:
                spread = jnp.broadcast_to(at(self.process.log_variance, t, x), x.shape)
            mean = previous(self.process, x0, x, t)
            return total + count * bound(self.process, images, x, t, mean, spread), None

        order = jnp.arange(len(edges) - 1), jnp.asarray(edges[:-1]), jnp.asarray(np.diff(edges))
        total, _ = jax.lax.scan(term, jnp.zeros(images.shape[0]), order)
        return total + prior_bound(self.process, images)


def process_of(config: Config) -> Gaussian:
    """The chain that a config describes."""
    betas = betas_of(config.schedule, config.steps, first=config.beta_first, last=config.beta_last)
    return gaussian_of_betas(betas, variance="large" if config.variance == "large" else "small")


def build(config: Config, task: Task, spec: Spec) -> System:
    """The U-Net "denoiser", which is averaged and samples by its average."""
    space, process = wavelet(config.wavelet) if config.wavelet else pixel(), process_of(config)
    network = network_of(config, task, spec, space.channels(spec.channels))
    denoising = Denoising(config, network, process)
    prior = Denoiser(denoising.predict, process, lambda variables: space)

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        steps = walking.walk(prior, variables, y, keys)
        chain = Chain(process, np.arange(config.steps))
        return steps.image(ancestral.sample(steps.predict, process, chain, steps.start, steps.noise, limit=steps.limit))

    objective = diffusion(
        say=denoising.say, process=process, prediction=PREDICTIONS[config.predicts], measure=task.measure,
        encode=space.encode, log_variance=VARIANCES.get(config.variance), loss=config.loss, dropout=config.dropout > 0,
    )  # fmt: skip
    adam = optax.adam(risen(config.learning_rate, config.warmup), b1=0.9, b2=0.999, eps=1e-8)
    optimizer = optax.chain(optax.clip_by_global_norm(config.clip), adam)

    def inputs(y: Measurement) -> tuple:
        x = space.encode(y["image"])
        return (x, jnp.zeros(x.shape[0], jnp.int32), *([y["label"]] if "label" in y else []))

    players = {"denoiser": Player(network, inputs, config.ema)}
    stages = (Stage("denoising", spec.steps, objective, {"denoiser": optimizer}),)
    multiple = 2 ** (len(config.multipliers) - 1) * space.factor
    own = OwnFigure(denoising.bits, "bits per dimension", False, PROTOCOL)
    figures = {} if config.wavelet else {"bits_per_dimension": own}  # those of codes are not those of the image
    return System(
        restore, players, stages, multiple=multiple, calls=config.steps, draws=True, prior=prior, figures=figures
    )
