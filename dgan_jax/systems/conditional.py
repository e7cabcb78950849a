"""What conditional diffusions have in common: guided diffusion's U-Net beside a condition, its training, its draws."""

import dataclasses
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from dgan_jax.core import checks, noise
from dgan_jax.core.parts import Measurement, Task
from dgan_jax.nets.adm_unet import ADMUNet
from dgan_jax.nets.layers import dropped
from dgan_jax.systems.walking import folded

TASKS = ("inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture", "paired")
"""Every task that measures something of an image."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """How the one denoiser is trained."""

    learning_rate: float = 1e-4
    warmup: int = 0
    """Steps in which the rate rises from 0."""
    learning_rate_end: float = 0.0
    """Where a cosine brings the rate at the end of the training; 0 keeps it."""
    clip: float = 0.0
    """Largest norm of the gradient; 0 does not clip."""
    beta2: float = 0.999
    ema: float = 0.9999
    dtype: str = "float32"
    """Activations: float32 or bfloat16; parameters and optimizers stay float32."""
    remat: bool = False
    """Recompute the blocks in the backward pass: less memory, more time."""

    def __post_init__(self) -> None:
        checks.known_dtype(self)
        checks.decay(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class UNet(Training):
    """Options of guided diffusion's U-Net (Dhariwal, Nichol, arXiv 2105.05233)."""

    features: int = 256
    """Width of the first level."""
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4, 4)
    """Width of each level, in units of `features`."""
    blocks: int = 2
    """Residual blocks per level."""
    attention: tuple[int, ...] = (32, 16, 8)
    """Side lengths of features (at the training size) that have self-attention; the middle always has."""
    heads: int = 4
    """Heads of attention, where `head_channels` is not given."""
    head_channels: int = 64
    """Width of attention's heads; -1: as many as `heads` says."""
    scale_shift: bool = True
    """The time scales and shifts what a norm leaves, rather than being added before."""
    resample_in_blocks: bool = True
    """Halve and double inside residual blocks, rather than by a convolution between them."""
    groups: int = 32
    """Groups of the norms; must divide all widths."""
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least_one(self, "features", "blocks", "groups")


def unet_of(config: UNet, side: int, channels: int) -> ADMUNet:
    """The network for states of `side` x `side`, that says `channels` channels."""
    return ADMUNet(
        out_channels=channels, features=config.features, multipliers=config.multipliers, blocks=config.blocks,
        attention=tuple(side // attended for attended in config.attention), heads=config.heads,
        head_channels=config.head_channels, scale_shift=config.scale_shift,
        resample_in_blocks=config.resample_in_blocks, groups=config.groups, dropout=config.dropout,
        dtype=jnp.dtype(config.dtype), remat=config.remat,
    )  # fmt: skip


def optimizer_of(config: Training, steps: int) -> optax.GradientTransformation:
    """Adam, with what the options say of its rate and of gradients."""
    rate: Any = config.learning_rate
    if config.learning_rate_end:
        rate = optax.cosine_decay_schedule(rate, max(steps, 1), config.learning_rate_end / config.learning_rate)
    if config.warmup:
        rest = rate if callable(rate) else optax.constant_schedule(rate)
        rise = optax.linear_schedule(0.0, config.learning_rate, config.warmup)
        rate = optax.join_schedules([rise, rest], [config.warmup])
    adam = optax.adam(rate, b1=0.9, b2=config.beta2, eps=1e-8)
    return optax.chain(optax.clip_by_global_norm(config.clip), adam) if config.clip else adam


def says(network: nn.Module, params: Any, inputs: tuple, keys: jax.Array | None = None) -> jax.Array:
    """What a network makes of its inputs [B, ...]; with keys [B] as it is trained, with dropout by example."""
    if keys is None or not getattr(network, "dropout", 0):
        return cast(jax.Array, network.apply({"params": params}, *inputs))
    return cast(jax.Array, dropped(network, params, inputs, keys))


def draws(y: Measurement, keys: jax.Array, shape: tuple[int, ...]) -> Callable[[jax.Array | int], jax.Array]:
    """number -> [B, *shape], standard normal: a function of an example's key, of the number and of its place alone."""
    places = noise.places(y, shape[0])
    return lambda number: noise.normals(folded(keys, number), shape, places)


START = 1 << 20
"""The number of the draw that a walk begins with: far from those of its steps."""


def finished(task: Task, y: Measurement, image: jax.Array) -> jax.Array:
    """The image in [-1, 1], what is known exactly put back."""
    image = task.project(jnp.clip(image, -1, 1), y)
    # Once more: agreement with a small image is exact but for rounding.
    return jnp.clip(task.project(image, y), -1, 1)
