"""Denoising diffusion-GAN: a few large denoising steps, each a conditional GAN.

Xiao, Kreis, Vahdat, "Tackling the Generative Learning Trilemma with Denoising Diffusion GANs", ICLR 2022,
arXiv 2112.07804.

Unconditional as published. For restoration the task's condition channels stand beside x_t in the generator and beside
the pair in the critic, and what is exactly known is put back into every prediction; classes enter the same way, one
plane per class (the paper has neither: this is our reading). With `residual` the generator predicts a correction of
the task's cheap first estimate, in units of how far that may be wrong (`y["contrast"]`, where the task tells it), so
that an untrained network starts at that estimate's quality and a trained one leaves a sky alone.
"""

import dataclasses
from typing import Any, cast

import jax
import jax.numpy as jnp

from dgan_jax.core import checks, noise
from dgan_jax.core.parts import Denoiser, Measurement, Player, Spec, System, Task
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.layers import dropped
from dgan_jax.nets.minibatch import check_groups
from dgan_jax.nets.ncsnpp_adagn import NCSNpp
from dgan_jax.objectives.denoising_gan import denoising_gan, regression
from dgan_jax.process.gaussian import gaussian, vp_betas
from dgan_jax.samplers.denoising_gan import sample_from_keys
from dgan_jax.spaces.pixel import pixel
from dgan_jax.systems import lending, stages

PAPER = "Xiao, Kreis, Vahdat 2022, arXiv 2112.07804"
TASKS = ("generate", "inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture", "paired")
LENDS = (Denoiser,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the published CIFAR-10 values."""

    steps: int = 4
    """Denoising steps T."""
    features: int = 128
    """Width of the generator's first level."""
    multipliers: tuple[int, ...] = (1, 2, 2, 2)
    """Width of each level, in units of `features`."""
    blocks: int = 2
    """Residual blocks per level."""
    attention: tuple[int, ...] = (16,)
    """Side lengths (at the training size) that have self-attention."""
    latent: int = 100
    """Length of the latent z."""
    latent_layers: int = 4
    """Hidden layers of the latent mapping."""
    latent_embedding: int = 256
    """Width of the latent mapping."""
    dropout: float = 0.0
    critic: str = "small"
    """Critic for 32x32 (small) or for 256x256 (large)."""
    critic_features: int = 64
    critic_embedding: int = 256
    """Width of the critic's time embedding."""
    residual: bool = False
    """Predict a correction of the task's cheap first estimate; no tanh then."""
    r1_gamma: float = 0.02
    r1_every: int = 15
    """Lazy R1: on every n-th step, not multiplied by n."""
    reconstruction: float = 0.0
    """Weight of the mean absolute error of the predicted x0 (with `residual`: in its units); 0 as published."""
    regression_share: float = 0.0
    """Part of the training that the generator spends on the reconstruction alone, before the critic is turned on."""
    learning_rate_generator: float = 1.6e-4
    learning_rate_critic: float = 1.25e-4
    learning_rate_end: float = 1e-5
    """Cosine decay, in steps of one epoch, ends here."""
    beta1: float = 0.5
    beta2: float = 0.9
    ema: float = 0.9999
    beta_min: float = 0.1
    beta_max: float = 20.0
    dtype: str = "float32"
    """Activations: float32 or bfloat16; parameters and optimizers stay float32."""
    remat: bool = False
    """Recompute the generator's blocks in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        checks.known_dtype(self)
        if not 0 <= self.regression_share < 1:
            raise ValueError(f"system.regression_share must be in [0, 1), got {self.regression_share}")
        if self.regression_share and not self.reconstruction:
            raise ValueError("system.regression_share needs a reconstruction weight; try --system.reconstruction 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"system.dropout must be in [0, 1), got {self.dropout}")
        checks.at_least_one(self, "steps", "features", "blocks", "latent", "r1_every", "critic_features")


def build(config: Config, task: Task, spec: Spec) -> System:
    """Generator "generator" and critic "critic"; only the generator is averaged and restores."""
    space = pixel()
    channels = space.channels(spec.channels)
    process = gaussian(vp_betas(config.steps, beta_min=config.beta_min, beta_max=config.beta_max))
    generator = NCSNpp(
        image_size=spec.height // space.factor,
        out_channels=channels,
        features=config.features,
        multipliers=config.multipliers,
        blocks=config.blocks,
        attention=config.attention,
        latent_layers=config.latent_layers,
        latent_embedding=config.latent_embedding,
        dropout=config.dropout,
        tanh=not config.residual,
        dtype=jnp.dtype(config.dtype),
        remat=config.remat,
    )
    critic = Critic(
        variant=config.critic,
        features=config.critic_features,
        time_embedding=config.critic_embedding,
        axis_name=spec.axis_name,
        dtype=jnp.dtype(config.dtype),
    )

    check_groups(spec.batch, critic.group)

    # Without a unit, the brightest textures would decide what is learned.
    unit = lambda y: y.get("contrast", 1.0) if config.residual else 1.0

    def predict(
        params: Any, x: jax.Array, t: jax.Array, z: jax.Array, y: Measurement, dropout: jax.Array | None = None
    ) -> jax.Array:
        inputs = (x, t, z, task.condition(y))
        if dropout is None or not config.dropout:
            x0 = cast(jax.Array, generator.apply({"params": params}, *inputs))
        else:
            x0 = dropped(generator, params, inputs, dropout)
        if config.residual:
            x0 = task.start(y) + unit(y) * x0
        return task.project(x0, y)

    def judge(params: Any, x_t: jax.Array, t: jax.Array, x_next: jax.Array, y: Measurement) -> jax.Array:
        return cast(jax.Array, critic.apply({"params": params}, x_t, t, x_next, task.condition(y)))

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        shape = (*y["image"].shape[1:3], channels)
        step = lambda x, t, z: predict(variables["params"]["generator"], x, t, z, y)
        code = sample_from_keys(step, process, keys, shape, config.latent, places=noise.places(y, shape[0]))
        return jnp.clip(space.decode(code), -1, 1)

    reconstruction = None
    if config.reconstruction:
        # Known pixels are projected: only what is predicted counts. A mean over the hole would weigh small holes more.
        reconstruction = lambda x0_hat, x0, y: config.reconstruction * jnp.mean(jnp.abs(x0_hat - x0) / unit(y))
    objective = denoising_gan(
        predict=predict, judge=judge, process=process, measure=task.measure, encode=space.encode, latent=config.latent,
        r1_gamma=config.r1_gamma, r1_every=config.r1_every, reconstruction=reconstruction, dropout=True,
    )  # fmt: skip
    alone = None
    if reconstruction is not None:
        alone = regression(
            objective, predict=predict, process=process, encode=space.encode, start=task.start,
            reconstruction=reconstruction, dropout=True,
        )  # fmt: skip

    def inputs(y: Measurement) -> tuple[jax.Array, jax.Array]:
        x = space.encode(y["image"])
        return x, jnp.zeros(x.shape[0], jnp.int32)

    players = {
        "generator": Player(
            generator,
            lambda y: (*inputs(y), jnp.zeros((y["image"].shape[0], config.latent)), task.condition(y)),
            config.ema,
        ),
        "critic": Player(critic, lambda y: (*inputs(y), space.encode(y["image"]), task.condition(y))),
    }
    multiple = 2 ** (len(config.multipliers) - 1) * space.factor
    training = stages.regression_then_adversary(config, spec, objective, alone)
    prior = lending.lent(predict, process, lambda variables: space, config.latent)
    return System(restore, players, training, multiple=multiple, calls=config.steps, draws=True, prior=prior)
