"""Latent diffusion that fills holes: the network sees, beside the codes, the code of the masked image and the mask.

Rombach, Blattmann, Lorenz, Esser, Ommer, "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022,
arXiv 2112.10752, section 4.5. As published the hole is black where the image is encoded, the mask is -1 or 1 and
reduced by taking every so manieth pixel, and known pixels are put back after decoding.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Denoiser, Measurement, Player, Space, Spec, System, Task
from dgan_jax.systems import codec, conditional, latent

PAPER = "Rombach et al. 2022, arXiv 2112.10752"
TASKS = ("inpaint",)
LENDS = (Denoiser,)
WHEN_RESTORING = latent.WHEN_RESTORING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(latent.Options):
    """Defaults are those of the published `inpainting_big`."""

    beta_last: float = 0.0205
    loss: str = "l1"
    features: int = 256
    heads: int = 8
    head_channels: int = -1
    resample_in_blocks: bool = True


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "autoencoder", "patches" (its critic) and the U-Net "denoiser", which is averaged."""
    coder = codec.codec(config, spec, by_deviation=True)
    network = latent.unet_of(config, spec, coder)

    def seen(y: Measurement, space: Space) -> dict[str, jax.Array]:
        code = space.encode(jnp.where(y["hole"] > 0, -1.0, y["image"]))
        mask = 2 * y["hole"][:, :: coder.factor, :: coder.factor] - 1
        return {"condition": jnp.concatenate([code, mask], axis=-1)}

    def say(params: Any, x: jax.Array, t: jax.Array, told: dict[str, jax.Array], keys: jax.Array | None) -> jax.Array:
        return conditional.says(network, params, (jnp.concatenate([x, told["condition"]], axis=-1), t), keys)

    inputs = lambda y: latent.shapes(coder, y, coder.channels + 1)
    return latent.assembled(config, task, spec, coder, Player(network, inputs, config.ema), seen=seen, say=say)
