"""The objective of Diffusion-GAN: the critic sees real and generated images diffused, as far as it can cope with.

Wang et al., "Diffusion-GAN: Training GANs with Diffusion", ICLR 2023, arXiv 2206.02262, on the losses of StyleGAN2.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from dgan_jax.core.devices import mean_over
from dgan_jax.core.parts import Context, Example, Measurement, Objective, Phase, Report
from dgan_jax.objectives import adversarial
from dgan_jax.process.instance_noise import InstanceNoise, diffuse

Generate = Callable[[Any, jax.Array, jax.Array, Measurement], jax.Array]
"""(generator parameters, noise [B, H, W, C], z [B, Z], y) -> images [B, H, W, C]."""
Judge = Callable[[Any, jax.Array, jax.Array, Measurement], jax.Array]
"""(critic parameters, x_t, t [B], y) -> logits [B]."""
Level = Callable[[jax.Array, jax.Array], jax.Array]
"""(uniform numbers [B], T) -> t [B] in 1 .. T."""


@struct.dataclass
class Diffusing:
    """What takes one image to a random time; shapes are for one example, a batch axis comes first after vmap."""

    clean: jax.Array  # [], uniform: below 1/2 the image is left as it is
    place: jax.Array  # [], uniform: where among 1 .. T the time is, if not
    noise: jax.Array  # [H, W, C]


@struct.dataclass
class Draws:
    """Randomness of one update of one player."""

    noise: jax.Array  # [H, W, C], the generator's
    latent: jax.Array  # [Z]
    real: Diffusing
    fake: Diffusing


def draw_diffusing(key: jax.Array, shape: tuple[int, ...]) -> Diffusing:
    """The draws by which one image of `shape` is diffused."""
    keys = jax.random.split(key, 3)
    return Diffusing(jax.random.uniform(keys[0]), jax.random.uniform(keys[1]), jax.random.normal(keys[2], shape))


def draw_update(key: jax.Array, shape: tuple[int, ...], latent: int) -> Draws:
    """The draws of one example for an update of a player; `latent` is the length of a latent."""
    keys = jax.random.split(key, 4)
    return Draws(
        noise=jax.random.normal(keys[0], shape),
        latent=jax.random.normal(keys[1], (latent,)),
        real=draw_diffusing(keys[2], shape),
        fake=draw_diffusing(keys[3], shape),
    )


def diffused(process: InstanceNoise, level: Level, x: jax.Array, draws: Diffusing) -> tuple[jax.Array, jax.Array]:
    """(x_t, t): half of the images stay clean (t = 0), so that the critic never forgets what is wanted.

    The published code draws 32 times anew whenever the chain changes and deals from these and 32 zeros; this is the
    same distribution without the table.
    """
    t = jnp.where(draws.clean < 0.5, 0, level(draws.place, process.steps))
    return diffuse(process, x, t, draws.noise), t


@dataclasses.dataclass(frozen=True)
class Pace:
    """How the intensity follows the critic.

    It moves after every `batches` steps, towards more noise when the mean sign of the critic's logits on real images
    is above `target` (the critic is too sure of itself), else towards less; from 0 to 1 it takes `images` images.
    """

    target: float = 0.6
    batches: int = 4
    images: int = 100_000


def memory() -> dict[str, jax.Array]:
    """Before the first step: the shortest chain, and nothing known of the critic."""
    return {"intensity": jnp.zeros(()), "signs": jnp.zeros(()), "batches": jnp.zeros((), jnp.int32)}


def paced(pace: Pace, memory: dict[str, jax.Array], batch: int) -> dict[str, jax.Array]:
    """The memory with its intensity moved and its signs forgotten, if enough of them have come together.

    Done before a step instead of after it, so that both updates of a step have one chain.
    """
    due = memory["batches"] >= pace.batches
    surplus = jnp.sign(memory["signs"] / pace.batches - pace.target)
    moved = jnp.clip(memory["intensity"] + surplus * (batch * pace.batches / pace.images), 0, 1)
    return {
        "intensity": jnp.where(due, moved, memory["intensity"]),
        "signs": jnp.where(due, 0.0, memory["signs"]),
        "batches": jnp.where(due, 0, memory["batches"]),
    }


def diffused_gan(
    *,
    generate: Generate,
    judge: Judge,
    chain: Callable[[jax.Array], InstanceNoise],
    level: Level,
    pace: Pace,
    batch: int,
    measure: Callable[[jax.Array, Example], Measurement],
    latent: int,
    r1_gamma: float,
    r1_every: int,
    reconstruction: Callable[[jax.Array, jax.Array, Measurement], jax.Array] | None = None,
    axis_name: str | None = None,
) -> Objective:
    """Critic, then generator, each with its own images and times.

    `chain(intensity)` is the present process, `batch` the number of images of a step over all devices. R1 is the slope
    in the image before it is diffused; it is taken on every `r1_every`-th step and multiplied by `r1_every`.
    `reconstruction(image, truth, y) -> scalar` is added to the generator's loss.
    """

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        keys = jax.random.split(key, 3)
        update = lambda key: draw_update(key, example["image"].shape, latent)
        return {"y": measure(keys[0], example), "critic": update(keys[1]), "generator": update(keys[2])}

    def seen(params: dict, process: InstanceNoise, x: jax.Array, draws: Diffusing, y: Measurement) -> jax.Array:
        return judge(params["critic"], *diffused(process, level, x, draws), y)

    def critic(params: dict, context: Context, images: Example, draws: dict) -> tuple[jax.Array, Report]:
        now = paced(pace, context.memory, batch)
        process, y, own = chain(now["intensity"]), draws["y"], draws["critic"]
        fake = jax.lax.stop_gradient(generate(params["generator"], own.noise, own.latent, y))
        score = lambda x: seen(params, process, x, own.real, y)
        on_real, on_fake = score(images["image"]), seen(params, process, fake, own.fake, y)

        penalty = lambda: 0.5 * r1_gamma * r1_every * jnp.mean(adversarial.r1(score, images["image"]))
        r1 = adversarial.lazily(context.step, r1_every, penalty)
        loss_real, loss_fake = adversarial.as_real(on_real), adversarial.as_fake(on_fake)
        signs = mean_over(jnp.mean(jnp.sign(on_real)), axis_name)
        metrics = {
            "critic/real": loss_real, "critic/fake": loss_fake, "critic/r1": r1, "critic/signs": signs,
            "critic/intensity": now["intensity"],
        }  # fmt: skip
        now = {**now, "signs": now["signs"] + signs, "batches": now["batches"] + 1}
        return loss_real + loss_fake + r1, Report(metrics, memory=now)

    def generator(params: dict, context: Context, images: Example, draws: dict) -> tuple[jax.Array, Report]:
        y, own = draws["y"], draws["generator"]
        fake = generate(params["generator"], own.noise, own.latent, y)
        loss = adversarial.non_saturating(seen(params, chain(context.memory["intensity"]), fake, own.fake, y))
        metrics = {"generator/adversarial": loss}
        if reconstruction is not None:
            metrics["generator/reconstruction"] = reconstruction(fake, images["image"], y)
            loss += metrics["generator/reconstruction"]
        return loss, Report(metrics)

    return Objective(draw, (Phase(("critic",), critic), Phase(("generator",), generator)), memory)


def regression(
    adversarial: Objective, *, generate: Generate,
    reconstruction: Callable[[jax.Array, jax.Array, Measurement], jax.Array],
) -> Objective:  # fmt: skip
    """The same draws, but the generator alone, on the reconstruction term."""

    def generator(params: dict, context: Context, images: Example, draws: dict) -> tuple[jax.Array, Report]:
        del context
        y, own = draws["y"], draws["generator"]
        loss = reconstruction(generate(params["generator"], own.noise, own.latent, y), images["image"], y)
        return loss, Report({"generator/reconstruction": loss})

    return Objective(adversarial.draw, (Phase(("generator",), generator),))
