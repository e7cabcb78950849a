"""Super-resolution by a denoising diffusion-GAN that is given the small image: SRDDGAN.

Xiao et al., "Single image super-resolution with denoising diffusion GANS", Scientific Reports 14, 4272, 2024.

Published and done here: the steps of a denoising diffusion-GAN (Xiao, Kreis, Vahdat, arXiv 2112.07804) whose generator
sees x_{t+1}, features of the small image, t and a latent z, which makes different plausible results; a critic that
judges the pair (x_t, x_{t+1}) at t; four steps; x4 photographs and x8 faces.

Our reading, because there is no public code: the networks are those of DDGAN for 256x256 images; the small image enters
enlarged (bicubic) and as features of a few residual blocks at its own size, trained with the generator; the generator's
loss has the mean absolute error of the predicted image beside the critic's judgement. Ours alone: every prediction is
made to agree with the small image exactly, and with `residual` it is a correction of the task's first estimate. Of
pairs (the task `paired`) the damaged picture takes the place of the small one, whatever its size; nothing is known
exactly then, and nothing is made to agree.
"""

import dataclasses
from typing import Any, cast

import jax
import jax.numpy as jnp

from dgan_jax.core import checks, noise
from dgan_jax.core.parts import Measurement, Player, Spec, System, Task
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.low_encoder import LowConditionedGenerator, LowEncoder
from dgan_jax.nets.minibatch import check_groups
from dgan_jax.nets.ncsnpp_adagn import NCSNpp
from dgan_jax.objectives.denoising_gan import denoising_gan, regression
from dgan_jax.process.gaussian import gaussian, vp_betas
from dgan_jax.samplers.denoising_gan import sample_from_keys
from dgan_jax.spaces.pixel import pixel
from dgan_jax.systems import stages

PAPER = "Xiao, Wang, Wang, Cai, Deng, Yan, Tang 2024, doi 10.1038/s41598-024-52370-3"
TASKS = ("superres", "paired")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults of the networks and of the training are DDGAN's for CelebA-HQ 256, with four steps."""

    steps: int = 4
    """Denoising steps T."""
    features: int = 64
    """Width of the generator's first level."""
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4, 4)
    """Width of each level, in units of `features`."""
    blocks: int = 2
    """Residual blocks per level."""
    attention: tuple[int, ...] = (16,)
    """Side lengths (at the training size) that have self-attention."""
    encoder_features: int = 64
    """Features of the small image."""
    encoder_blocks: int = 8
    """Residual blocks at the small image's size."""
    latent: int = 100
    """Length of the latent z."""
    latent_layers: int = 3
    """Hidden layers of the latent mapping."""
    latent_embedding: int = 256
    """Width of the latent mapping."""
    critic: str = "large"
    """Critic for 32x32 (small) or for 256x256 (large)."""
    critic_features: int = 64
    critic_embedding: int = 256
    """Width of the critic's time embedding."""
    residual: bool = False
    """Predict a correction of the task's cheap first estimate; no tanh then."""
    r1_gamma: float = 2.0
    r1_every: int = 10
    """Lazy R1: on every n-th step, not multiplied by n."""
    reconstruction: float = 1.0
    """Weight of the mean absolute error of the predicted x0."""
    regression_share: float = 0.0
    """Part of the training that the generator spends on the reconstruction alone, before the critic is turned on."""
    learning_rate_generator: float = 2e-4
    learning_rate_critic: float = 1e-4
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
        if not self.reconstruction > 0:
            raise ValueError(
                f"system.reconstruction must be more than 0, got {self.reconstruction}; ddgan is the system without it"
            )
        checks.at_least_one(
            self, "steps", "features", "blocks", "encoder_features", "latent", "r1_every", "critic_features"
        )


def networks(config: Config, spec: Spec, *, side: int, channels: int) -> tuple[LowConditionedGenerator, Critic]:
    """Generator and critic for images of `side` x `side` x `channels`."""
    dtype = jnp.dtype(config.dtype)
    unet = NCSNpp(
        image_size=side,
        out_channels=channels,
        features=config.features,
        multipliers=config.multipliers,
        blocks=config.blocks,
        attention=config.attention,
        latent_layers=config.latent_layers,
        latent_embedding=config.latent_embedding,
        tanh=not config.residual,
        dtype=dtype,
        remat=config.remat,
    )
    encoder = LowEncoder(config.encoder_features, config.encoder_blocks, dtype)
    critic = Critic(
        variant=config.critic,
        features=config.critic_features,
        time_embedding=config.critic_embedding,
        axis_name=spec.axis_name,
        dtype=dtype,
    )
    return LowConditionedGenerator(unet, encoder), critic


def low_of(y: Measurement) -> jax.Array:
    """[B, h, w, C]: the small image, or of pairs of one size the damaged one."""
    return y.get("low", y["image"])


def build(config: Config, task: Task, spec: Spec) -> System:
    """Generator "generator" (with the encoder) and critic "critic"; only the generator is averaged and restores."""
    space = pixel()
    channels = space.channels(spec.channels)
    process = gaussian(vp_betas(config.steps, beta_min=config.beta_min, beta_max=config.beta_max))
    generator, critic = networks(config, spec, side=spec.height, channels=channels)
    check_groups(spec.batch, critic.group)

    def predict(params: Any, x: jax.Array, t: jax.Array, z: jax.Array, y: Measurement) -> jax.Array:
        x0 = cast(jax.Array, generator.apply({"params": params}, x, t, z, task.condition(y), low_of(y)))
        return task.project(task.start(y) + x0 if config.residual else x0, y)

    def judge(params: Any, x_t: jax.Array, t: jax.Array, x_next: jax.Array, y: Measurement) -> jax.Array:
        del y  # the pair and the time alone
        return cast(jax.Array, critic.apply({"params": params}, x_t, t, x_next))

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        shape = (*y["image"].shape[1:3], channels)
        step = lambda x, t, z: predict(variables["params"]["generator"], x, t, z, y)
        places = noise.places(y, shape[0])
        image = space.decode(sample_from_keys(step, process, keys, shape, config.latent, places=places))
        # Once more: agreement with the small image is exact but for rounding.
        return jnp.clip(task.project(image, y), -1, 1)

    reconstruction = lambda x0_hat, x0, y: config.reconstruction * jnp.mean(jnp.abs(x0_hat - x0))
    objective = denoising_gan(
        predict=predict, judge=judge, process=process, measure=task.measure, encode=space.encode, latent=config.latent,
        r1_gamma=config.r1_gamma, r1_every=config.r1_every, reconstruction=reconstruction,
    )  # fmt: skip
    alone = regression(
        objective, predict=predict, process=process, encode=space.encode, start=task.start,
        reconstruction=reconstruction,
    )  # fmt: skip

    def generator_inputs(y: Measurement) -> tuple:
        x, batch = y["image"], y["image"].shape[0]
        return x, jnp.zeros(batch, jnp.int32), jnp.zeros((batch, config.latent)), task.condition(y), low_of(y)

    def critic_inputs(y: Measurement) -> tuple:
        return y["image"], jnp.zeros(y["image"].shape[0], jnp.int32), y["image"]

    players = {
        "generator": Player(generator, generator_inputs, config.ema),
        "critic": Player(critic, critic_inputs),
    }
    multiple = 2 ** (len(config.multipliers) - 1)
    training = stages.regression_then_adversary(config, spec, objective, alone)
    return System(restore, players, training, multiple=multiple, calls=config.steps, draws=True)
