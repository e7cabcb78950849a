"""Latent diffusion: a diffusion of the codes of an autoencoder, with classes or beside what was measured.

Rombach, Blattmann, Lorenz, Esser, Ommer, "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022,
arXiv 2112.10752; guidance without a classifier: Ho, Salimans, arXiv 2207.12598.

It learns images, with classes by cross-attention or added to the time, or what a task is about: then the network sees,
beside the codes, the small image where that has their size (the authors' enlarging), else the task's condition,
averaged over the pixels of a code (ours). It restores by DDIM. `ldm_inpaint` is the authors' way with holes.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax.core import checks
from dgan_jax.core.parts import Denoiser, Measurement, Player, Space, Spec, System, Task
from dgan_jax.nets.latent_unet import LatentUNet
from dgan_jax.objectives.conditional import Draws
from dgan_jax.systems import codec, conditional, latent

PAPER = "Rombach et al. 2022, arXiv 2112.10752"
TASKS = ("generate", *conditional.TASKS)
LENDS = (Denoiser,)
WHEN_RESTORING = (*latent.WHEN_RESTORING, "guidance")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(latent.Options):
    """Defaults are the published values for CelebA-HQ 256."""

    classes_by: str = "cross"
    """How the network is told a class: by cross-attention (cross), or added to the time (add)."""
    transformer: int = 1
    """Blocks of each spatial transformer (cross)."""
    context: int = 512
    """Length of a class's vector (cross)."""
    class_dropped: float = 0.1
    """Share of the training's images whose class the network is not told, for guidance."""
    guidance: float = 1.0
    """How far to go from what is said without the class to what is said with it: 1 no further. Others take two calls a
    step."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classes_by not in ("cross", "add"):
            raise ValueError(f"system.classes_by must be cross or add, got {self.classes_by!r}")
        if not 0 <= self.class_dropped < 1:
            raise ValueError(f"system.class_dropped is a share in [0, 1), got {self.class_dropped}")
        if self.guidance != 1 and not self.class_dropped:
            raise ValueError("system.guidance needs a network that has learnt images without their class too")
        checks.at_least_one(self, "transformer", "context")


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "autoencoder", "patches" (its critic) and the U-Net "denoiser", which is averaged."""
    coder = codec.codec(config, spec, by_deviation=True)
    classes = getattr(task, "classes", 0)
    cross = bool(classes) and config.classes_by == "cross"
    unet = latent.unet_of(config, spec, coder, config.transformer if cross else 0)
    # One class more: none at all.
    known = classes + 1 if classes else 0
    network = LatentUNet(unet if cross else unet.clone(classes=known), known if cross else 0, config.context)

    def seen(y: Measurement, space: Space) -> dict[str, jax.Array]:
        del space
        if classes:
            return {"label": y["label"]}
        condition = codec.beside(task, y, coder.factor)
        return {"condition": condition} if condition.shape[-1] else {}

    def say(params: Any, x: jax.Array, t: jax.Array, told: dict[str, jax.Array], keys: jax.Array | None) -> jax.Array:
        x = jnp.concatenate([x, told["condition"]], axis=-1) if "condition" in told else x
        given = (x, t, told["label"]) if classes else (x, t)
        return conditional.says(network, params, given, keys)

    def guided(
        params: Any, x: jax.Array, t: jax.Array, told: dict[str, jax.Array], keys: jax.Array | None
    ) -> jax.Array:
        nothing = {**told, "label": jnp.full_like(told["label"], classes)}
        free, with_class = say(params, x, t, nothing, keys), say(params, x, t, told, keys)
        return free + config.guidance * (with_class - free)

    def dropped(told: dict[str, jax.Array], draws: Draws) -> dict[str, jax.Array]:
        if not classes:
            return told
        return {**told, "label": jnp.where(draws.share < config.class_dropped, classes, told["label"])}

    def inputs(y: Measurement) -> tuple:
        planes = 0 if classes else codec.beside(task, y, coder.factor).shape[-1]
        return (*latent.shapes(coder, y, planes), *([y["label"]] if classes else []))

    guiding = bool(classes) and config.guidance != 1
    return latent.assembled(
        config, task, spec, coder, Player(network, inputs, config.ema), seen=seen, say=say,
        sampled=guided if guiding else None, dropped=dropped, calls=1 + guiding,
    )  # fmt: skip
