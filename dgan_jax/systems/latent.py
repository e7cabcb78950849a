"""Diffusion of codes in many steps: the options, the training and the walk that latent diffusion's systems share.

Rombach, Blattmann, Lorenz, Esser, Ommer, "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022,
arXiv 2112.10752.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Context, Denoiser, Measurement, Player, Space, Spec, Stage, System, Task
from dgan_jax.nets.adm_unet import ADMUNet
from dgan_jax.objectives.conditional import Draws, denoising
from dgan_jax.objectives.errors import ERRORS
from dgan_jax.process.gaussian import Gaussian, diffuse, gaussian_of_betas
from dgan_jax.process.latent_chain import shifted
from dgan_jax.process.predictions import x0_of_noise
from dgan_jax.process.schedules import STEPS, betas_of
from dgan_jax.samplers import ddim
from dgan_jax.systems import codec, conditional

WHEN_RESTORING = ("restore_steps", "eta", "spacing")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(codec.VQOptions, conditional.UNet):
    """Defaults are the published values for CelebA-HQ 256, in codes of VQ-f4."""

    steps: int = 1000
    """Levels of noise T."""
    schedule: str = "beta_square_of_linear"
    """What is linear, or which curve: see process/schedules.py; the authors call this one linear."""
    beta_first: float = 0.0015
    beta_last: float = 0.0195
    restore_steps: int = 50
    """Network calls of a restoration, by DDIM."""
    eta: float = 0.0
    """Share of the posterior's noise in these."""
    spacing: str = "uniform"
    loss: str = "l2"
    """Error of the predicted noise: l1 or l2."""
    features: int = 224
    multipliers: tuple[int, ...] = (1, 2, 3, 4)
    attention: tuple[int, ...] = (32, 16, 8)
    """Side lengths of codes (at the training size) that have self-attention; the middle always has."""
    head_channels: int = 32
    scale_shift: bool = False
    resample_in_blocks: bool = False
    learning_rate: float = 9.6e-5
    code_scale: float = 1.0
    """Codes are divided by this; 0: by their deviation, measured while the autoencoder trains."""

    def __post_init__(self) -> None:
        conditional.UNet.__post_init__(self)
        codec.Options.__post_init__(self)
        lookup("loss", self.loss, ERRORS)
        lookup("spacing of steps", self.spacing, STEPS)
        if not 0 <= self.eta <= 1:
            raise ValueError(f"system.eta must be in [0, 1], got {self.eta}")
        shifted(process_of(self), self.restore_steps, self.spacing)
        if not self.autoencoder_share and not self.code_scale:
            raise ValueError("system.autoencoder_share 0 is for a given autoencoder; give its system.code_scale too")


def process_of(config: Options) -> Gaussian:
    return gaussian_of_betas(betas_of(config.schedule, config.steps, first=config.beta_first, last=config.beta_last))


def unet_of(config: Options, spec: Spec, coder: codec.Codec, transformer: int = 0) -> ADMUNet:
    network = conditional.unet_of(config, spec.height // coder.factor, coder.channels)
    return network.clone(transformer=transformer)


Seen = Callable[[Measurement, Space], dict[str, jax.Array]]
"""(y, space) -> what the network is told: "condition" [B, h, w, K], and "label" [B] where there are classes."""
Say = Callable[[Any, jax.Array, jax.Array, dict[str, jax.Array], jax.Array | None], jax.Array]
"""(parameters, x, t [B], what `Seen` gave, keys of dropout or None) -> noise."""


def assembled(
    config: Options, task: Task, spec: Spec, coder: codec.Codec, player: Player, *, seen: Seen, say: Say,
    sampled: Say | None = None, dropped: Callable[[dict, Draws], dict] = lambda told, draws: told, calls: int = 1,
) -> System:  # fmt: skip
    """The system of a network `player` that says the noise of codes.

    `sampled` says it when restoring, by `calls` calls, where that is another than in training; `dropped` leaves out of
    what is told, at random, what the network must do without at times.
    """
    process = process_of(config)
    chain = shifted(process, config.restore_steps, config.spacing)
    sampled = sampled or say

    def loss(
        params: dict, context: Context, image: jax.Array, y: Measurement, draws: Draws
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        space = coder.space(params, context.model_state, draws.spare)
        x = diffuse(process, space.encode(image), draws.t + 1, draws.noise)
        told = dropped(seen(y, coder.space(params, context.model_state, None)), draws)
        error = ERRORS[config.loss](say(params["denoiser"], x, draws.t, told, draws.key), draws.noise)
        return error, {"error": error}

    def clean(variables: dict, x: jax.Array, t: jax.Array, told: dict[str, jax.Array]) -> tuple[jax.Array, None]:
        return x0_of_noise(process, sampled(variables["params"]["denoiser"], x, t, told, None), x, t), None

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        space = coder.of(variables)
        told, noise = seen(y, space), conditional.draws(y, keys, coder.shape(y["image"].shape))
        predict = lambda x, t, number: clean(variables, x, t, told)
        x = ddim.sample(predict, process, chain, noise(conditional.START), noise, eta=config.eta)
        return conditional.finished(task, y, space.decode(x))

    def lend(
        variables: dict[str, Any], x: jax.Array, t: jax.Array, y: Measurement, keys: jax.Array
    ) -> tuple[jax.Array, None]:
        del keys
        return clean(variables, x, t, seen(y, coder.of(variables)))

    objective = denoising(loss=loss, measure=task.measure, shape=coder.shape, times=(0, config.steps - 1))
    optimizer = conditional.optimizer_of(config, coder.rest)
    stage = Stage("denoising", coder.rest, objective, {"denoiser": optimizer})
    # The decoder is a call too.
    return System(
        restore, {**coder.players, "denoiser": player}, (*coder.stages, stage),
        multiple=2 ** (len(config.multipliers) - 1) * coder.factor, calls=calls * len(chain.times) + 1, draws=True,
        prior=Denoiser(lend, process, coder.of),
    )  # fmt: skip


def shapes(coder: codec.Codec, y: Measurement, planes: int) -> tuple[jax.Array, jax.Array]:
    """Codes with `planes` more channels, and times, of the right shapes."""
    shape = (y["image"].shape[0], *coder.shape(y["image"].shape))
    return jnp.zeros((*shape[:3], shape[3] + planes)), jnp.zeros(shape[0], jnp.int32)
