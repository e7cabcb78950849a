"""Diffusion-GAN: a one-step GAN whose critic sees its images diffused, over a chain that grows while it is too sure.

Wang et al., "Diffusion-GAN: Training GANs with Diffusion", ICLR 2023, arXiv 2206.02262.

The diffusion, its adaptive length and the losses are the published ones. The networks are not: the paper puts its noise
under StyleGAN2 and ProjectedGAN, here it is under the networks of denoising diffusion-GANs (Xiao et al., arXiv
2112.07804). The generator is their NCSN++ without the time, from one image of noise and a latent; the critic sees x_t
and t. For restoration (our reading, the paper has none) the task's condition channels stand beside both inputs, the
generator predicts a correction of the task's cheap first estimate, and what is exactly known is put back. One call.
"""

import dataclasses
from typing import Any, cast

import jax
import jax.numpy as jnp

from dgan_jax.core import checks, noise
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Generator, Measurement, Player, Spec, System, Task
from dgan_jax.nets.ddgan_critic import Critic
from dgan_jax.nets.minibatch import check_groups
from dgan_jax.nets.ncsnpp_adagn import NCSNpp
from dgan_jax.objectives import diffused_gan
from dgan_jax.process.instance_noise import LEVELS, instance_noise, length
from dgan_jax.systems import stages

PAPER = "Wang et al. 2023, arXiv 2206.02262"
TASKS = ("generate", "inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture", "paired")
LENDS = (Generator,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults of the diffusion are the published CIFAR-10 values, those of the networks DDGAN's for CIFAR-10."""

    shortest: int = 10
    """Steps T of the chain at first."""
    longest: int = 1000
    """Steps T of the chain at most."""
    noise: float = 0.05
    """Deviation of the diffusion's noise: 0.05 with StyleGAN2, 0.5 with ProjectedGAN."""
    level: str = "priority"
    """How times are drawn: priority (the noisiest most often) or uniform."""
    target: float = 0.6
    """Mean sign of the critic's logits on real images that the chain's length is steered to; ProjectedGAN: 0.45."""
    pace_batches: int = 4
    """Steps between two changes of the length."""
    pace_images: int = 100_000
    """Images after which the chain can have gone from its shortest to its longest."""
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
    critic: str = "small"
    """Critic for 32x32 (small) or for 256x256 (large)."""
    critic_features: int = 64
    critic_embedding: int = 256
    """Width of the critic's time embedding."""
    residual: bool = False
    """Predict a correction of the task's cheap first estimate; no tanh then."""
    r1_gamma: float = 0.01
    r1_every: int = 16
    """Lazy R1: on every n-th step, multiplied by n."""
    reconstruction: float = 0.0
    """Weight of the mean absolute error of the image (with `residual`: in its units); 0 as published."""
    regression_share: float = 0.0
    """Part of the training that the generator spends on the reconstruction alone, before the critic is turned on."""
    learning_rate_generator: float = 1.6e-4
    learning_rate_critic: float = 1.25e-4
    learning_rate_end: float = 1e-5
    """Cosine decay, in steps of one epoch, ends here."""
    beta1: float = 0.0
    beta2: float = 0.99
    ema: float = 0.9999
    dtype: str = "float32"
    """Activations: float32 or bfloat16; parameters and optimizers stay float32."""
    remat: bool = False
    """Recompute the generator's blocks in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        lookup("level", self.level, LEVELS)
        checks.known_dtype(self)
        if not 2 <= self.shortest <= self.longest:
            raise ValueError(
                "system.shortest must be at least 2 and at most system.longest, got "
                f"{self.shortest} and {self.longest}; published: 10 and 1000"
            )
        if not -1 <= self.target <= 1:
            raise ValueError(f"system.target is a mean of signs, from -1 to 1, got {self.target}; published: 0.6")
        if not 0 <= self.regression_share < 1:
            raise ValueError(f"system.regression_share must be in [0, 1), got {self.regression_share}")
        if self.regression_share and not self.reconstruction:
            raise ValueError("system.regression_share needs a reconstruction weight; try --system.reconstruction 1")
        checks.at_least_one(
            self, "pace_batches", "pace_images", "features", "blocks", "latent", "r1_every", "critic_features"
        )


def build(config: Config, task: Task, spec: Spec) -> System:
    """Generator "generator" and critic "critic"; only the generator is averaged and restores."""
    dtype = jnp.dtype(config.dtype)
    generator = NCSNpp(
        image_size=spec.height, out_channels=spec.channels, features=config.features, multipliers=config.multipliers,
        blocks=config.blocks, attention=config.attention, latent_layers=config.latent_layers,
        latent_embedding=config.latent_embedding, tanh=not config.residual, timed=False, dtype=dtype,
        remat=config.remat,
    )  # fmt: skip
    critic = Critic(
        variant=config.critic, features=config.critic_features, time_embedding=config.critic_embedding,
        axis_name=spec.axis_name, dtype=dtype,
    )  # fmt: skip
    check_groups(spec.batch, critic.group)
    at_once = lambda batch: jnp.zeros(batch, jnp.int32)  # the generator has no time
    unit = lambda y: y.get("contrast", 1.0) if config.residual else 1.0

    def generate(params: Any, drawn: jax.Array, z: jax.Array, y: Measurement) -> jax.Array:
        given = (drawn, at_once(drawn.shape[0]), z, task.condition(y))
        image = cast(jax.Array, generator.apply({"params": params}, *given))
        if config.residual:
            image = task.start(y) + unit(y) * image
        return task.project(image, y)

    def judge(params: Any, x_t: jax.Array, t: jax.Array, y: Measurement) -> jax.Array:
        # The condition is where the other half of a pair is in a denoising diffusion-GAN.
        return cast(jax.Array, critic.apply({"params": params}, x_t, t, task.condition(y)))

    def draw(key: jax.Array, y: Measurement) -> jax.Array:
        """The image of noise and the latent, one after the other: [H W C + Z]."""
        start, latent = jax.random.split(key)
        image = noise.normal(start, y["image"].shape, y.get("place"))
        return jnp.concatenate([image.ravel(), jax.random.normal(latent, (config.latent,))])

    def lend(variables: dict, latents: jax.Array, y: Measurement) -> jax.Array:
        drawn, z = jnp.split(latents, [latents.shape[1] - config.latent], axis=1)
        return generate(variables["params"]["generator"], drawn.reshape(y["image"].shape), z, y)

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        return jnp.clip(lend(variables, jax.vmap(draw)(keys, y), y), -1, 1)

    chain = lambda intensity: instance_noise(
        length(intensity, shortest=config.shortest, longest=config.longest),
        longest=config.longest, deviation=config.noise,
    )  # fmt: skip
    reconstruction = None
    if config.reconstruction:
        reconstruction = lambda image, truth, y: config.reconstruction * jnp.mean(jnp.abs(image - truth) / unit(y))
    objective = diffused_gan.diffused_gan(
        generate=generate, judge=judge, chain=chain, level=lookup("level", config.level, LEVELS),
        pace=diffused_gan.Pace(config.target, config.pace_batches, config.pace_images), batch=spec.batch,
        measure=task.measure, latent=config.latent, r1_gamma=config.r1_gamma, r1_every=config.r1_every,
        reconstruction=reconstruction, axis_name=spec.axis_name,
    )  # fmt: skip
    alone = None
    if reconstruction is not None:
        alone = diffused_gan.regression(objective, generate=generate, reconstruction=reconstruction)

    def generator_inputs(y: Measurement) -> tuple:
        batch = y["image"].shape[0]
        return y["image"], at_once(batch), jnp.zeros((batch, config.latent)), task.condition(y)

    players = {
        "generator": Player(generator, generator_inputs, config.ema),
        "critic": Player(critic, lambda y: (y["image"], at_once(y["image"].shape[0]), task.condition(y))),
    }
    training = stages.regression_then_adversary(config, spec, objective, alone)
    multiple = 2 ** (len(config.multipliers) - 1)
    return System(restore, players, training, multiple=multiple, calls=1, draws=True, prior=Generator(draw, lend))
