"""Wavelet diffusion-GAN: a denoising diffusion-GAN on the Haar bands of the image, at half the resolution.

Phung, Dao, Tran, "Wavelet Diffusion Models are fast and scalable Image Generators", CVPR 2023, arXiv 2211.16152; the
diffusion and the adversarial losses are those of Xiao et al., arXiv 2112.07804.

Unconditional as published. For restoration (our reading, the paper has none) the task's condition channels are brought
into bands too, which loses nothing and gives them the resolution of x_t; what is exactly known is put back into every
prediction as pixels, between the inverse transform and the transform. With `residual` the generator predicts a
correction of the bands of the task's cheap first estimate.
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
from dgan_jax.nets.wavelet_ncsnpp import WaveletNCSNpp
from dgan_jax.objectives.denoising_gan import denoising_gan, regression
from dgan_jax.process.gaussian import gaussian, vp_betas
from dgan_jax.samplers.denoising_gan import sample_from_keys
from dgan_jax.spaces.wavelet import wavelet
from dgan_jax.systems import lending, stages

PAPER = "Phung, Dao, Tran 2023, arXiv 2211.16152"
TASKS = ("generate", "inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture", "paired")
LENDS = (Denoiser,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the published STL-10 values. Sizes and widths inside the networks are those of bands, not pixels."""

    steps: int = 4
    """Denoising steps T."""
    bands: str = "hl_lh"
    """Order of the bands, lh_hl or hl_lh: a published checkpoint works only with its own (see its config)."""
    wavelet_levels: int = 1
    """Haar levels of the space; each halves the resolution and multiplies the channels by four. Published: 1."""
    features: int = 128
    """Width of the generator's first level."""
    multipliers: tuple[int, ...] = (1, 2, 2, 2)
    """Width of each level, in units of `features`."""
    blocks: int = 2
    """Residual blocks per level."""
    attention: tuple[int, ...] = (16,)
    """Side lengths of the generator's maps (at the training size) that have self-attention."""
    latent: int = 100
    """Length of the latent z."""
    latent_layers: int = 4
    """Hidden layers of the latent mapping."""
    latent_embedding: int = 256
    """Width of the latent mapping."""
    dropout: float = 0.0
    patch: int = 1
    """Side of the patches of bands that the generator takes as channels."""
    frequency: bool = True
    """The generator's levels exchange Haar bands. With this and the next two off it is DDGAN's generator."""
    bottleneck: bool = True
    """The generator's middle also works on the low band."""
    wavelet_pyramid: bool = True
    """The generator's input pyramid is made of Haar bands."""
    critic: str = "small"
    """Critic for images up to 64x64 (small) or larger (large)."""
    critic_layers: int = 4
    """Blocks of the critic: 3 or 4 of the small one, 3 to 6 of the large one."""
    critic_features: int = 64
    critic_embedding: int = 256
    """Width of the critic's time embedding."""
    residual: bool = False
    """Predict a correction of the task's cheap first estimate; no tanh then."""
    r1_gamma: float = 0.02
    r1_every: int = 15
    """Lazy R1: on every n-th step, not multiplied by n."""
    reconstruction: float = 1.0
    """Weight of the mean absolute error of the predicted bands in the generator's loss."""
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
        wavelet(self.wavelet_levels, self.bands)
        checks.known_dtype(self)
        if not 0 <= self.regression_share < 1:
            raise ValueError(f"system.regression_share must be in [0, 1), got {self.regression_share}")
        if self.regression_share and not self.reconstruction:
            raise ValueError("system.regression_share needs a reconstruction weight; try --system.reconstruction 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"system.dropout must be in [0, 1), got {self.dropout}")
        checks.at_least_one(self, "steps", "features", "blocks", "latent", "patch", "r1_every", "critic_features")


def networks(config: Config, spec: Spec, *, side: int, channels: int) -> tuple[WaveletNCSNpp, Critic]:
    """Generator and critic for codes of `side` x `side` x `channels`."""
    dtype = jnp.dtype(config.dtype)
    generator = WaveletNCSNpp(
        image_size=side,
        out_channels=channels,
        features=config.features,
        multipliers=config.multipliers,
        blocks=config.blocks,
        attention=config.attention,
        latent_layers=config.latent_layers,
        latent_embedding=config.latent_embedding,
        dropout=config.dropout,
        tanh=not config.residual,
        patch=config.patch,
        frequency=config.frequency,
        bottleneck=config.bottleneck,
        wavelet_pyramid=config.wavelet_pyramid,
        dtype=dtype,
        remat=config.remat,
    )
    critic = Critic(
        variant=config.critic,
        features=config.critic_features,
        time_embedding=config.critic_embedding,
        layers=config.critic_layers,
        axis_name=spec.axis_name,
        dtype=dtype,
    )
    return generator, critic


def build(config: Config, task: Task, spec: Spec) -> System:
    """Generator "generator" and critic "critic"; only the generator is averaged and restores."""
    space = wavelet(config.wavelet_levels, config.bands)
    channels = space.channels(spec.channels)
    process = gaussian(vp_betas(config.steps, beta_min=config.beta_min, beta_max=config.beta_max))
    generator, critic = networks(config, spec, side=spec.height // space.factor, channels=channels)
    check_groups(spec.batch, critic.group)
    condition = lambda y: space.encode(task.condition(y))

    def predict(
        params: Any, x: jax.Array, t: jax.Array, z: jax.Array, y: Measurement, dropout: jax.Array | None = None
    ) -> jax.Array:
        inputs = (x, t, z, condition(y))
        if dropout is None or not config.dropout:
            x0 = cast(jax.Array, generator.apply({"params": params}, *inputs))
        else:
            x0 = dropped(generator, params, inputs, dropout)
        if config.residual:
            x0 = space.encode(task.start(y)) + x0
        return space.encode(task.project(space.decode(x0), y))

    def judge(params: Any, x_t: jax.Array, t: jax.Array, x_next: jax.Array, y: Measurement) -> jax.Array:
        return cast(jax.Array, critic.apply({"params": params}, x_t, t, x_next, condition(y)))

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        height, width = (side // space.factor for side in y["image"].shape[1:3])
        step = lambda x, t, z: predict(variables["params"]["generator"], x, t, z, y)
        places, shape = noise.places(y, height), (height, width, channels)
        code = sample_from_keys(step, process, keys, shape, config.latent, places=places)
        # Once more: the transform and its inverse return what is known but for rounding.
        return jnp.clip(task.project(space.decode(code), y), -1, 1)

    reconstruction = None
    if config.reconstruction:
        reconstruction = lambda x0_hat, x0, y: config.reconstruction * jnp.mean(jnp.abs(x0_hat - x0))
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
            lambda y: (*inputs(y), jnp.zeros((y["image"].shape[0], config.latent)), condition(y)),
            config.ema,
        ),
        "critic": Player(critic, lambda y: (*inputs(y), space.encode(y["image"]), condition(y))),
    }
    multiple = config.patch * 2 ** (len(config.multipliers) - 1 + config.bottleneck) * space.factor
    training = stages.regression_then_adversary(config, spec, objective, alone)
    prior = lending.lent(predict, process, lambda variables: space, config.latent)
    return System(restore, players, training, multiple=multiple, calls=config.steps, draws=True, prior=prior)
