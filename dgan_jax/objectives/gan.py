"""The game of a plain GAN: a critic is updated n times, each on images of its own, then the generator once.

Goodfellow et al., "Generative Adversarial Networks", NeurIPS 2014, arXiv 1406.2661, algorithm 1, with any losses of
`objectives/adversarial.py`. Real and generated images are judged in batches of their own, in this order.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct

from dgan_jax.core.parts import Context, Example, Measurement, Objective, Phase, Report
from dgan_jax.objectives import adversarial
from dgan_jax.objectives.adversarial import Game

Generate = Callable[[Any, Any, jax.Array, Measurement, bool], tuple[jax.Array, Any]]
"""(generator parameters, its model state, z [B, Z], y, train) -> images [B, H, W, C], new model state."""
Judge = Callable[[Any, Any, jax.Array, Measurement, Any, bool], tuple[jax.Array, Any]]
"""(critic parameters, its model state, images, y, what `draw_look` drew, train) -> logits [B], new model state."""
DrawLook = Callable[[jax.Array, tuple[int, ...]], Any]
"""(key, shape of an image) -> the randomness of looking at it once: augmentation, a critic's own noise."""


class Networks(NamedTuple):
    """Two players as functions, and the length of the latent."""

    generate: Generate
    judge: Judge
    latent: int
    draw_look: DrawLook = lambda key, shape: ()
    draw_latent: Callable[[jax.Array, tuple[int, ...]], jax.Array] = jax.random.normal


@struct.dataclass
class Draws:
    """Randomness of one update; for one example, a batch axis comes first after vmap."""

    z: jax.Array  # [Z]
    real: Any  # how the critic looks at each kind of image
    fake: Any
    between: Any
    place: jax.Array  # [], uniform: between real (1) and fake (0)
    dither: jax.Array  # [H, W, C], uniform


@dataclasses.dataclass(frozen=True)
class Pace:
    """How a batch is shared out.

    It is cut into `critic_parts`, of which the critic's updates take one each, `n_critic` of them; the generator takes
    one of `generator_parts`. SNGAN: 64 images for each of 5 updates of the critic, 128 for the generator, that is 6
    and 3 parts of a batch of 384.
    """

    n_critic: int = 1
    critic_parts: int = 0  # 0: n_critic
    generator_parts: int = 1

    @property
    def parts(self) -> int:
        return self.critic_parts or self.n_critic

    def check(self, batch: int) -> None:
        """A ValueError where that does not work out."""
        if min(self.n_critic, self.generator_parts) < 1 or self.parts < self.n_critic:
            raise ValueError(
                "system.n_critic and system.generator_parts must be at least 1 and system.critic_parts at least "
                f"n_critic (or 0), got {self.n_critic}, {self.generator_parts} and {self.critic_parts}"
            )
        for name, parts in (("critic", self.parts), ("generator", self.generator_parts)):
            if batch % parts:
                raise ValueError(
                    f"a batch of {batch} cannot be cut into {parts} parts for the {name}; try a multiple of {parts}"
                )


@dataclasses.dataclass(frozen=True)
class Penalties:
    """What is added to the critic's loss; 0 is nothing."""

    gradient: float = 0.0  # of Wasserstein critics; divided by slope^2
    slope: float = 1.0
    drift: float = 0.0
    r1: float = 0.0  # gamma; half of it multiplies the squared slope
    r1_every: int = 1  # lazily, and then that many times as much


def gan(
    networks: Networks,
    game: Game,
    *,
    measure: Callable[[jax.Array, Example], Measurement],
    pace: Pace = Pace(),
    penalties: Penalties = Penalties(),
    dither: bool = False,
    axis_name: str | None = None,
) -> Objective:
    """Players "generator" and "critic". Labels of generated images are those of the batch.

    `dither`: real images are v / 128 - 1 plus uniform noise of a quantum, as SNGAN's official code reads them.
    """

    def draw_update(key: jax.Array, shape: tuple[int, ...]) -> Draws:
        keys = jax.random.split(key, 6)
        look = lambda key: networks.draw_look(key, shape)
        noise = jax.random.uniform(keys[5], shape) if dither else jnp.zeros(())
        z = networks.draw_latent(keys[0], (networks.latent,))
        return Draws(z, look(keys[1]), look(keys[2]), look(keys[3]), jax.random.uniform(keys[4]), noise)

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        keys = jax.random.split(key, 3)
        update = lambda key: draw_update(key, example["image"].shape)
        return {"y": measure(keys[0], example), "critic": update(keys[1]), "generator": update(keys[2])}

    def seen(image: jax.Array, draws: Draws) -> jax.Array:
        return (127.5 * (image + 1) + draws.dither) / 128 - 1 if dither else image

    def critic(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        y, own, state = draws["y"], draws["critic"], context.model_state
        real = seen(batch["image"], own)
        fake, drawing = networks.generate(params["generator"], state["generator"], own.z, y, True)
        fake = jax.lax.stop_gradient(fake)
        judge = lambda judging, x, look: networks.judge(params["critic"], judging, x, y, look, True)
        on_real, judging = judge(state["critic"], real, own.real)
        on_fake, judging = judge(judging, fake, own.fake)
        loss = game.critic(on_real, on_fake)
        metrics = {"critic/loss": loss, "critic/gap": jnp.mean(on_real) - jnp.mean(on_fake)}
        score = lambda look: lambda x: judge(state["critic"], x, look)[0]
        if penalties.gradient:
            slope = adversarial.gradient_penalty(score(own.between), real, fake, own.place, wanted=penalties.slope)
            metrics["critic/penalty"] = penalties.gradient / penalties.slope**2 * slope
            loss += metrics["critic/penalty"]
        if penalties.drift:
            loss += adversarial.drift(on_real, penalties.drift, axis_name)
        if penalties.r1:
            gamma = 0.5 * penalties.r1 * penalties.r1_every
            slopes = lambda: gamma * jnp.mean(adversarial.r1(score(own.real), real))
            metrics["critic/r1"] = adversarial.lazily(context.step, penalties.r1_every, slopes)
            loss += metrics["critic/r1"]
        return loss, Report(metrics, {"generator": drawing, "critic": judging})

    def generator(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        del batch
        y, own, state = draws["y"], draws["generator"], context.model_state
        fake, drawing = networks.generate(params["generator"], state["generator"], own.z, y, True)
        logits, judging = networks.judge(params["critic"], state["critic"], fake, y, own.fake, True)
        loss = game.generator(logits)
        return loss, Report({"generator/loss": loss}, {"generator": drawing, "critic": judging})

    updates = tuple(Phase(("critic",), critic, part=(i, pace.parts)) for i in range(pace.n_critic))
    return Objective(draw, (*updates, Phase(("generator",), generator, part=(0, pace.generator_parts))))
