"""The losses of StyleGAN2: non-saturating, with R1 and path lengths on every n-th step as Adam steps of their own.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv 1912.04958, section 3 and
appendix B; Karras et al., arXiv 2006.06676, for the probability of augmentation that follows the critic's sign.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from dgan_jax.core.devices import mean_over
from dgan_jax.core.parts import Context, Example, Measurement, Objective, Phase, Report
from dgan_jax.objectives import adversarial

Map = Callable[[Any, Any, jax.Array, Measurement, bool], tuple[jax.Array, Any]]
"""(generator parameters, its model state, z [B, Z], y, train) -> styles [B, L, W], new model state."""
Synthesise = Callable[[Any, Any, jax.Array, Any], jax.Array]
"""(generator parameters, its model state, styles [B, L, W], noises) -> images [B, H, W, C]."""
Judge = Callable[[Any, jax.Array, Measurement], jax.Array]
"""(critic parameters, images, y) -> logits [B]."""


@dataclasses.dataclass(frozen=True)
class Networks:
    """The players as functions. `draw_noise(key)`: the maps of noise of one image."""

    map: Map
    synthesise: Synthesise
    judge: Judge
    latent: int
    layers: int
    draw_noise: Callable[[jax.Array], Any]


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What every image goes through before the critic sees it. `draw(key, shape)` of one image, `apply(images, draws,
    p)`; without `target` p is 1 for good."""

    draw: Callable[[jax.Array, tuple[int, ...]], Any]
    apply: Callable[[jax.Array, Any, jax.Array], jax.Array]
    target: float | None = None  # mean sign of real logits that p is steered to
    images: int = 500_000  # in which p goes from 0 to 1
    every: int = 4  # steps between two moves


NONE = Augmentation(lambda key, shape: (), lambda x, draws, p: x)


@dataclasses.dataclass(frozen=True)
class Options:
    """Weights and intervals; published defaults."""

    r1_gamma: float = 10.0
    r1_every: int = 16
    path_weight: float = 2.0
    path_every: int = 4
    path_decay: float = 0.01
    path_share: int = 2  # of the batch, one part in so many
    mixing: float = 0.9


@struct.dataclass
class Draws:
    """Randomness of one update; for one example, a batch axis comes first after vmap."""

    z: jax.Array  # [2, Z]: the second is mixed in
    cross: jax.Array  # [L] bool: the layers of the second
    noise: Any
    real: Any  # augmentations
    fake: Any


def moved(memory: dict[str, jax.Array], augmentation: Augmentation, batch: int) -> dict[str, jax.Array]:
    """The memory after a step, p moved by the sign of the critic's surplus where enough steps have come together.

    It never falls below 0; above 1 it has no further effect, and is not bounded, as published.
    """
    if augmentation.target is None:
        return memory
    due = memory["count"] >= augmentation.every
    surplus = jnp.sign(memory["signs"] / jnp.maximum(memory["count"], 1) - augmentation.target)
    step = surplus * (batch * augmentation.every / augmentation.images)
    clear = lambda value: jnp.where(due, jnp.zeros_like(value), value)
    return {
        **memory, "p": jnp.where(due, jnp.maximum(memory["p"] + step, 0), memory["p"]),
        "signs": clear(memory["signs"]), "count": clear(memory["count"]),
    }  # fmt: skip


def stylegan2(
    networks: Networks, *, measure: Callable[[jax.Array, Example], Measurement], batch: int,
    options: Options = Options(), augmentation: Augmentation = NONE, axis_name: str | None = None,
) -> Objective:  # fmt: skip
    """Players "generator" and "critic": generator, its path lengths, critic, its R1, each with draws of its own.

    `batch`: images of a step over all devices. The memory holds the mean path length and the probability p of
    augmentation.
    """

    over_devices = functools.partial(mean_over, axis_name=axis_name)

    def draw_update(key: jax.Array, shape: tuple[int, ...]) -> Draws:
        keys = jax.random.split(key, 6)
        mixed = jax.random.uniform(keys[1]) < options.mixing
        first = jax.random.randint(keys[2], (), 1, networks.layers)
        cross = (jnp.arange(networks.layers) >= first) & mixed
        real, fake = (augmentation.draw(own, shape) for own in keys[4:])
        z = jax.random.normal(keys[0], (2, networks.latent))
        return Draws(z, cross, networks.draw_noise(keys[3]), real, fake)

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        keys = jax.random.split(key, 4)
        update = lambda key: draw_update(key, example["image"].shape)
        names = ("generator", "path", "critic")
        drawn = {name: update(own) for name, own in zip(names, keys[1:], strict=True)}
        path_noise = jax.random.normal(jax.random.fold_in(key, 1), example["image"].shape)
        return {"y": measure(keys[0], example), **drawn, "path_noise": path_noise}

    def styles(params: Any, state: Any, draws: Draws, y: Measurement) -> tuple[jax.Array, Any]:
        """Mixed: each image has a style of its own below, and in most a second one above, a layer."""
        ws, state = networks.map(params, state, draws.z[:, 0], y, True)
        if not options.mixing:
            return ws, state
        others, _ = networks.map(params, state, draws.z[:, 1], y, False)
        return jnp.where(draws.cross[:, :, None], others, ws), state

    def generated(params: dict, state: Any, draws: Draws, y: Measurement) -> tuple[jax.Array, Any]:
        ws, state = styles(params["generator"], state, draws, y)
        return networks.synthesise(params["generator"], state, ws, draws.noise), state

    def judged(params: dict, x: jax.Array, draws: Any, y: Measurement, p: jax.Array) -> jax.Array:
        return networks.judge(params["critic"], augmentation.apply(x, draws, p), y)

    def generator(params: dict, context: Context, images: Example, draws: dict) -> tuple[jax.Array, Report]:
        del images
        fake, state = generated(params, context.model_state["generator"], draws["generator"], draws["y"])
        logits = judged(params, fake, draws["generator"].fake, draws["y"], context.memory["p"])
        loss = adversarial.non_saturating(logits)
        return loss, Report({"generator/loss": loss}, {"generator": state})

    def path(params: dict, context: Context, images: Example, draws: dict) -> tuple[jax.Array, Report]:
        del images
        own, noise, y = draws["path"], draws["path_noise"], draws["y"]
        ws, state = styles(params["generator"], context.model_state["generator"], own, y)
        synthesise = lambda ws: networks.synthesise(params["generator"], state, ws, own.noise)
        lengths = adversarial.path_lengths(synthesise, ws, noise)
        # The mean of this step takes part in the mean that its lengths are compared with, and in the slope.
        old = context.memory["path_mean"]
        mean = old + options.path_decay * (over_devices(jnp.mean(lengths)) - old)
        loss = options.path_weight * options.path_every * jnp.mean(jnp.square(lengths - mean))
        memory = {"path_mean": jax.lax.stop_gradient(mean)}
        return loss, Report({"generator/path": jnp.mean(lengths)}, {"generator": state}, memory)

    def critic(params: dict, context: Context, images: Example, draws: dict) -> tuple[jax.Array, Report]:
        y, own, p = draws["y"], draws["critic"], context.memory["p"]
        fake, state = generated(params, context.model_state["generator"], own, y)
        on_fake = judged(params, jax.lax.stop_gradient(fake), own.fake, y, p)
        on_real = judged(params, images["image"], own.real, y, p)
        loss = adversarial.logistic(on_real, on_fake)
        signs = jnp.mean(jnp.sign(on_real))
        memory = {name: context.memory[name] for name in ("p", "signs", "count")}
        memory = {**memory, "signs": memory["signs"] + over_devices(signs), "count": memory["count"] + 1}
        metrics = {
            "critic/loss": loss, "critic/gap": jnp.mean(on_real) - jnp.mean(on_fake), "critic/signs": signs,
            "critic/p": p,
        }  # fmt: skip
        return loss, Report(metrics, {"generator": state}, moved(memory, augmentation, batch))

    def slope(params: dict, context: Context, images: Example, draws: dict) -> tuple[jax.Array, Report]:
        own, y, p = draws["critic"].real, draws["y"], context.memory["p"]
        squared = adversarial.r1(lambda x: judged(params, x, own, y, p), images["image"])
        loss = 0.5 * options.r1_gamma * options.r1_every * jnp.mean(squared)
        return loss, Report({"critic/r1": jnp.mean(squared)})

    def memory() -> dict[str, jax.Array]:
        start = jnp.zeros(()) if augmentation.target is not None else jnp.ones(())
        zero = jnp.zeros(())
        return {"path_mean": zero, "p": start, "signs": jnp.zeros(()), "count": jnp.zeros((), jnp.int32)}

    phases = [Phase(("generator",), generator)]
    if options.path_weight:
        phases.append(Phase(("generator",), path, every=options.path_every, part=(0, options.path_share)))
    phases.append(Phase(("critic",), critic))
    if options.r1_gamma:
        phases.append(Phase(("critic",), slope, every=options.r1_every))
    return Objective(draw, tuple(phases), memory)
