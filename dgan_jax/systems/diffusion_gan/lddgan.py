"""Latent denoising diffusion-GAN: DDGAN on the codes of an autoencoder, with a fading reconstruction term.

Trinh and Hamagami, "Latent Denoising Diffusion GAN", IEEE Access 12 (2024), arXiv 2406.11713.

Two stages: the autoencoder of latent diffusion with its critic of patches (the published code starts from trained
ones), then the diffusion-GAN on its frozen codes, whose L1 term falls along a sigmoid. Unconditional as published. For
restoration (our reading) the task's first estimate is encoded too; its code and the task's condition, averaged over the
pixels of a code, stand beside x_t, and what is known is put back after decoding.
"""

import dataclasses
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dgan_jax.core import checks, noise
from dgan_jax.core.parts import (
    Context,
    Denoiser,
    Example,
    Measurement,
    Objective,
    Phase,
    Player,
    Report,
    Space,
    Spec,
    Stage,
    System,
    Task,
)
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.minibatch import check_groups
from dgan_jax.nets.ncsnpp_adagn import NCSNpp
from dgan_jax.objectives.denoising_gan import denoising_gan, draw_update
from dgan_jax.process.gaussian import gaussian, vp_betas
from dgan_jax.samplers.denoising_gan import sample_from_keys
from dgan_jax.systems import codec
from dgan_jax.tasks.generate import Generate

PAPER = "Trinh, Hamagami 2024, arXiv 2406.11713"
TASKS = ("generate", "inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture", "paired")
LENDS = (Denoiser,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(codec.Options):
    """Defaults are the published CIFAR-10 values."""

    steps: int = 4
    """Denoising steps T."""
    features: int = 128
    """Width of the generator's first level."""
    multipliers: tuple[int, ...] = (1, 2, 2)
    """Width of each level, in units of `features`."""
    blocks: int = 2
    """Residual blocks per level."""
    attention: tuple[int, ...] = ()
    """Side lengths of codes that have self-attention; the middle always has."""
    latent: int = 50
    """Length of the latent z."""
    latent_layers: int = 4
    """Hidden layers of the latent mapping."""
    latent_embedding: int = 256
    """Width of the latent mapping."""
    critic: str = "small"
    """Critic for 32x32 (small) or for 256x256 (large)."""
    critic_layers: int | None = 3
    """Keep this many of the critic's blocks; none keeps all."""
    critic_features: int = 64
    critic_embedding: int = 256
    """Width of the critic's time embedding."""
    residual: bool = False
    """Predict a correction of the code of the task's cheap first estimate; no tanh then."""
    r1_gamma: float = 0.02
    r1_every: int = 15
    """Lazy R1: on every n-th step, not multiplied by n."""
    reconstruction: float = 1.0
    """Weight of the mean absolute error of the predicted code, before it fades over the epochs."""
    learning_rate_generator: float = 1.6e-4
    learning_rate_critic: float = 1.25e-4
    beta1: float = 0.5
    beta2: float = 0.9
    ema: float = 0.9999
    beta_min: float = 0.1
    beta_max: float = 20.0
    remat: bool = False
    """Recompute the generator's blocks in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.autoencoder_share and not self.code_scale:
            raise ValueError(
                "system.autoencoder_share 0 is for a converted autoencoder, whose system.code_scale must be given: "
                "105, 6 and 60 with the published ones for CIFAR-10, CelebA-HQ and LSUN church"
            )
        checks.at_least_one(self, "steps", "features", "blocks", "latent", "r1_every", "critic_features")


def fading(epochs: int) -> np.ndarray:
    """[epochs + 1] weights of the reconstruction, 1 - sigmoid from -6 to 6 (section IV of the paper)."""
    return (1 / (1 + np.exp(np.linspace(-6.0, 6.0, epochs + 1)))).astype(np.float32)


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "autoencoder", "patches" (its critic), "generator" and "critic"; only the generator is averaged."""
    coder = codec.codec(config, spec)
    factor, channels, code_shape, decoder_of = coder.factor, coder.channels, coder.shape, coder.of
    dtype = jnp.dtype(config.dtype)
    process = gaussian(vp_betas(config.steps, beta_min=config.beta_min, beta_max=config.beta_max))
    generator = NCSNpp(
        image_size=spec.height // factor, out_channels=channels, features=config.features, blocks=config.blocks,
        multipliers=config.multipliers, attention=config.attention, latent_layers=config.latent_layers,
        latent_embedding=config.latent_embedding, tanh=not config.residual, dtype=dtype, remat=config.remat,
    )  # fmt: skip
    critic = Critic(
        variant=config.critic, layers=config.critic_layers, features=config.critic_features,
        time_embedding=config.critic_embedding, axis_name=spec.axis_name, dtype=dtype,
    )  # fmt: skip
    check_groups(spec.batch, critic.group)
    blind = isinstance(task, Generate)  # there is no first estimate

    def seen(y: Measurement, space: Space) -> Measurement:
        """A measurement as the networks of the latent space see it: "condition", and "start" if there is one."""
        condition = codec.pooled(task.condition(y), factor)
        if blind:
            return {"condition": condition}
        start = space.encode(task.start(y))
        return {"condition": jnp.concatenate([start, condition], axis=-1), "start": start}

    def predict(params: Any, x: jax.Array, t: jax.Array, z: jax.Array, y: Measurement) -> jax.Array:
        x0 = cast(jax.Array, generator.apply({"params": params}, x, t, z, y["condition"]))
        return y["start"] + x0 if config.residual and not blind else x0

    def judge(params: Any, x_t: jax.Array, t: jax.Array, x_next: jax.Array, y: Measurement) -> jax.Array:
        return cast(jax.Array, critic.apply({"params": params}, x_t, t, x_next, y["condition"]))

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        params, shape, space = variables["params"], code_shape(y["image"].shape), decoder_of(variables)
        conditions = seen(y, space)
        step = lambda x, t, z: predict(params["generator"], x, t, z, conditions)
        places = noise.places(y, shape[0])
        image = space.decode(sample_from_keys(step, process, keys, shape, config.latent, places=places))
        return task.project(jnp.clip(image, -1, 1), y)

    weights = config.reconstruction * fading(max(1, -(-coder.rest // spec.epoch)))

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        keys, shape = jax.random.split(key, 4), code_shape(example["image"].shape)
        update = lambda key: draw_update(key, shape, steps=config.steps, latent=config.latent)
        return {
            "y": task.measure(keys[0], example),
            "critic": update(keys[1]),
            "generator": update(keys[2]),
            "code": jax.random.normal(keys[3], shape),  # one code of each image serves both updates
        }

    def phase(index: int, player: str) -> Phase:
        def loss(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
            space = lambda drawn: coder.space(params, context.model_state, drawn)
            weight = jnp.asarray(weights)[context.step // spec.epoch]
            objective = denoising_gan(
                predict=predict, judge=judge, process=process, measure=task.measure, encode=space(draws["code"]).encode,
                latent=config.latent, r1_gamma=config.r1_gamma, r1_every=config.r1_every,
                reconstruction=lambda x0_hat, x0, y: weight * jnp.mean(jnp.abs(x0_hat - x0)),
            )  # fmt: skip
            draws = {**draws, "y": seen(draws["y"], space(None))}
            return objective.phases[index].loss(params, context, batch, draws)

        return Phase((player,), loss)

    adam = lambda rate: optax.adam(rate, b1=config.beta1, b2=config.beta2, eps=1e-8)
    playing = Stage(
        "latent",
        coder.rest,
        Objective(draw, (phase(0, "critic"), phase(1, "generator"))),
        {"critic": adam(config.learning_rate_critic), "generator": adam(config.learning_rate_generator)},
    )

    def inputs(y: Measurement) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Codes, times and conditions of the right shapes."""
        shape = (y["image"].shape[0], *code_shape(y["image"].shape))
        planes = task.condition(y).shape[-1] + (0 if blind else channels)
        return jnp.zeros(shape), jnp.zeros(shape[0], jnp.int32), jnp.zeros((*shape[:3], planes))

    def generator_inputs(y: Measurement) -> tuple:
        x, t, condition = inputs(y)
        return x, t, jnp.zeros((x.shape[0], config.latent)), condition

    def critic_inputs(y: Measurement) -> tuple:
        x, t, condition = inputs(y)
        return x, t, x, condition

    players = {
        **coder.players,
        "generator": Player(generator, generator_inputs, config.ema),
        "critic": Player(critic, critic_inputs),
    }
    multiple = 2 ** (len(config.multipliers) - 1) * factor
    # The decoder, and the encoder where there is a first estimate, are calls too.
    calls = config.steps + (1 if blind else 2)

    def lend(variables: dict, x: jax.Array, t: jax.Array, y: Measurement, keys: jax.Array) -> tuple[jax.Array, None]:
        z = jax.vmap(lambda key: jax.random.normal(key, (config.latent,)))(keys)
        return predict(variables["params"]["generator"], x, t, z, seen(y, decoder_of(variables))), None

    training, prior = (*coder.stages, playing), Denoiser(lend, process, decoder_of)
    return System(restore, players, training, multiple=multiple, calls=calls, draws=True, prior=prior)
