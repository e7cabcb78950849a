"""Denoising diffusion-GAN: a few large denoising steps, each a conditional GAN.

Xiao, Kreis, Vahdat, "Tackling the Generative Learning Trilemma with Denoising Diffusion GANs", ICLR 2022, arXiv 2112.07804.

Unconditional as published. For restoration the task's condition channels stand beside x_t in the generator and beside the
pair in the critic, and what is exactly known is put back into every prediction; classes enter the same way, one plane per
class (the paper has neither: this is our reading). With `residual` the generator predicts a correction of the task's cheap
first estimate, so that an untrained network starts at that estimate's quality.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from dgan_jax.core.parts import Measurement, Player, Spec, Stage, System, Task
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.ncsnpp_adagn import NCSNpp
from dgan_jax.objectives.denoising_gan import denoising_gan, regression
from dgan_jax.process.gaussian import gaussian, vp_betas
from dgan_jax.samplers import denoising_gan as sampler
from dgan_jax.spaces.pixel import pixel

PAPER = "Xiao, Kreis, Vahdat 2022, arXiv 2112.07804"
TASKS = ("generate", "inpaint")


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
    """Weight of the mean absolute error of the predicted x0 in the generator's loss; 0 as published."""
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
        if self.dtype not in ("float32", "bfloat16"):
            raise ValueError(f"system.dtype must be float32 or bfloat16, got {self.dtype!r}")
        if not 0 <= self.regression_share < 1:
            raise ValueError(f"system.regression_share must be in [0, 1), got {self.regression_share}")
        if self.regression_share and not self.reconstruction:
            raise ValueError("system.regression_share needs a reconstruction weight; try --system.reconstruction 1")
        for name in ("steps", "features", "blocks", "latent", "r1_every", "critic_features"):
            if getattr(self, name) < 1:
                raise ValueError(f"system.{name} must be at least 1, got {getattr(self, name)}")


def cosine_per_epoch(rate: float, end: float, *, steps: int, epoch: int) -> optax.Schedule:
    """The rate falls along a cosine from `rate` to `end`, constant within an epoch; past the end it climbs again."""
    epochs = max(1, -(-steps // epoch))
    return lambda count: end + (rate - end) * 0.5 * (1 + jnp.cos(jnp.pi * (count // epoch) / epochs))


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

    group = min(spec.batch, critic.group)
    if spec.batch % max(1, group):
        raise ValueError(
            f"the critic compares images in groups of {group}, which a batch of {spec.batch} cannot be divided into; "
            f"try --data.batch {spec.batch // group * group}"
        )

    def predict(params: Any, x: jax.Array, t: jax.Array, z: jax.Array, y: Measurement) -> jax.Array:
        x0 = generator.apply({"params": params}, x, t, z, task.condition(y))
        if config.residual:
            x0 = task.start(y) + x0
        return task.project(x0, y)

    def judge(params: Any, x_t: jax.Array, t: jax.Array, x_next: jax.Array, y: Measurement) -> jax.Array:
        return critic.apply({"params": params}, x_t, t, x_next, task.condition(y))

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        shape = (*y["image"].shape[1:3], channels)

        def draw(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
            start, latents, noises = jax.random.split(key, 3)
            normal = jax.random.normal
            return normal(start, shape), normal(latents, (config.steps, config.latent)), normal(noises, (config.steps, *shape))

        x_init, latents, noises = jax.vmap(draw, out_axes=(0, 1, 1))(keys)
        step = lambda x, t, z: predict(variables["params"]["generator"], x, t, z, y)
        return jnp.clip(space.decode(sampler.sample(step, process, x_init, latents, noises)[0]), -1, 1)

    reconstruction = None
    if config.reconstruction:
        # Known pixels are projected, so only what is predicted counts; its mean over the hole would weigh small holes more.
        reconstruction = lambda x0_hat, x0, y: config.reconstruction * jnp.mean(jnp.abs(x0_hat - x0))
    objective = denoising_gan(
        predict=predict, judge=judge, process=process, measure=task.measure, encode=space.encode, latent=config.latent,
        r1_gamma=config.r1_gamma, r1_every=config.r1_every, reconstruction=reconstruction,
    )  # fmt: skip
    warm = round(spec.steps * config.regression_share)

    def adam(rate: float, steps: int) -> optax.GradientTransformation:
        schedule = cosine_per_epoch(rate, config.learning_rate_end, steps=steps, epoch=spec.epoch)
        return optax.adam(schedule, b1=config.beta1, b2=config.beta2, eps=1e-8)

    optimizers = lambda steps: {
        "critic": adam(config.learning_rate_critic, steps),
        "generator": adam(config.learning_rate_generator, steps),
    }
    stages = [Stage("adversarial", spec.steps - warm, objective, optimizers(spec.steps - warm))]
    if warm:
        alone = regression(objective, predict=predict, process=process, encode=space.encode, reconstruction=reconstruction)
        stages.insert(0, Stage("regression", warm, alone, {"generator": optimizers(warm)["generator"]}))

    def inputs(y: Measurement) -> tuple[jax.Array, jax.Array]:
        x = space.encode(y["image"])
        return x, jnp.zeros(x.shape[0], jnp.int32)

    players = {
        "generator": Player(
            generator, lambda y: (*inputs(y), jnp.zeros((y["image"].shape[0], config.latent)), task.condition(y)), config.ema
        ),
        "critic": Player(critic, lambda y: (*inputs(y), space.encode(y["image"]), task.condition(y))),
    }
    multiple = 2 ** (len(config.multipliers) - 1) * space.factor
    return System(restore, players, tuple(stages), multiple=multiple, calls=config.steps)
