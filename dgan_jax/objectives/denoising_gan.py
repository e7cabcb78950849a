"""The objective of denoising diffusion-GANs: a critic judges pairs (x_t, x_{t+1}), the generator predicts x0.

Xiao, Kreis, Vahdat, arXiv 2112.07804, equations 5 to 7, in the order of the published code.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from dgan_jax.core.parts import Context, Example, Measurement, Objective, Phase, Report
from dgan_jax.objectives import adversarial as losses
from dgan_jax.process.gaussian import Gaussian, Tables, diffuse, diffuse_step, posterior_sample

Predict = Callable[..., jax.Array]
"""(generator parameters, x_{t+1}, t, z, y[, keys of dropout, [B]]) -> x0."""
Judge = Callable[[Any, jax.Array, jax.Array, jax.Array, Measurement], jax.Array]
"""(critic parameters, x_t, t, x_{t+1}, y) -> logits [B]."""


@struct.dataclass
class Draws:
    """Randomness of one update; shapes are for one example, a batch axis comes first after vmap."""

    t: jax.Array  # [] integer in 0 .. T-1
    latent: jax.Array  # [Z]
    noise_step: jax.Array  # [H, W, C], x_t -> x_{t+1}
    noise_marginal: jax.Array  # [H, W, C], x_0 -> x_t
    noise_posterior: jax.Array  # [H, W, C], x0 and x_{t+1} -> x_t
    dropout: jax.Array | None = None  # [] key, of generators that are trained with dropout


def draw_update(key: jax.Array, shape: tuple[int, ...], *, steps: int, latent: int) -> Draws:
    """The randomness of one update of one player, for one example of code shape `shape`."""
    keys = jax.random.split(key, 5)
    return Draws(
        t=jax.random.randint(keys[0], (), 0, steps),
        latent=jax.random.normal(keys[1], (latent,)),
        noise_step=jax.random.normal(keys[2], shape),
        noise_marginal=jax.random.normal(keys[3], shape),
        noise_posterior=jax.random.normal(keys[4], shape),
        dropout=jax.random.fold_in(key, len(keys)),
    )


def diffuse_pair(process: Gaussian, x0: jax.Array, draws: Draws) -> tuple[jax.Array, jax.Array]:
    """(x_t, x_{t+1}) ~ q, a step of the forward chain."""
    x_t = diffuse(process, x0, draws.t, draws.noise_marginal)
    return x_t, diffuse_step(process, x_t, draws.t, draws.noise_step)


Pair = Callable[[Tables, jax.Array, jax.Array, jax.Array, jax.Array], jax.Array]
"""How a prediction becomes the fake x_t: (process, x0, x_{t+1}, t, noise) -> x_t, as `posterior_sample`."""


def renoised(process: Tables, x0: jax.Array, x_next: jax.Array, t: jax.Array, noise: jax.Array) -> jax.Array:
    """x_t ~ q(x_t | x0) whatever x_{t+1} was: the critic compares marginals (Xu et al., UFOGen, arXiv 2311.09257)."""
    del x_next
    return diffuse(process, x0, t, noise)


PAIRS: Mapping[str, Pair] = {"posterior": posterior_sample, "renoised": renoised}


def judged(
    score: Callable[[jax.Array], jax.Array], real: jax.Array, fake: jax.Array, step: jax.Array, *, r1_gamma: float,
    r1_every: int,
) -> tuple[jax.Array, dict[str, jax.Array]]:  # fmt: skip
    """The critic's logistic loss with lazy R1 on what is real, and its metrics."""
    on_real, on_fake = score(real), score(fake)

    penalty = lambda: 0.5 * r1_gamma * jnp.mean(losses.r1(score, real))
    r1 = losses.lazily(step, r1_every, penalty)
    loss_real, loss_fake = losses.as_real(on_real), losses.as_fake(on_fake)
    gap = jnp.mean(on_real) - jnp.mean(on_fake)
    return loss_real + r1 + loss_fake, {"real": loss_real, "fake": loss_fake, "r1": r1, "gap": gap}


def named(player: str, metrics: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Metrics under the name of their player."""
    return {f"{player}/{name}": value for name, value in metrics.items()}


def keys_of(draws: Draws, dropout: bool) -> tuple[jax.Array, ...]:
    """The last argument of a `Predict` that takes keys of dropout."""
    return (draws.dropout,) if dropout and draws.dropout is not None else ()


def denoising_gan(
    *,
    predict: Predict,
    judge: Judge,
    process: Gaussian,
    measure: Callable[[jax.Array, Example], Measurement],
    encode: Callable[[jax.Array], jax.Array],
    latent: int,
    r1_gamma: float,
    r1_every: int,
    reconstruction: Callable[[jax.Array, jax.Array, Measurement], jax.Array] | None = None,
    adversarial: float = 1.0,
    dropout: bool = False,
) -> Objective:
    """Critic, then generator, each with its own t, z and noises; the generator's dropout, if `predict` takes its keys,
    acts in both, as in the published code, whose generator is in training mode throughout.

    `reconstruction(x0_hat, x0, y) -> scalar` is added to the generator's loss. R1 acts on x_t alone, on every
    `r1_every`-th step, and is not multiplied by `r1_every`.
    """

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        keys = jax.random.split(key, 3)
        shape = jax.eval_shape(lambda x: encode(x[None])[0], example["image"]).shape
        update = lambda k: draw_update(k, shape, steps=process.steps, latent=latent)
        return {"y": measure(keys[0], example), "critic": update(keys[1]), "generator": update(keys[2])}

    def fake(params: dict, x_next: jax.Array, draws: Draws, y: Measurement) -> tuple[jax.Array, jax.Array]:
        x0 = predict(params["generator"], x_next, draws.t, draws.latent, y, *keys_of(draws, dropout))
        return posterior_sample(process, x0, x_next, draws.t, draws.noise_posterior), x0

    def critic(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        y, own = draws["y"], draws["critic"]
        x_t, x_next = diffuse_pair(process, encode(batch["image"]), own)
        score = lambda x: judge(params["critic"], x, own.t, x_next, y)
        generated = jax.lax.stop_gradient(fake(params, x_next, own, y)[0])
        loss, metrics = judged(score, x_t, generated, context.step, r1_gamma=r1_gamma, r1_every=r1_every)
        return loss, Report(named("critic", metrics))

    def generator(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        del context
        y, own = draws["y"], draws["generator"]
        x0 = encode(batch["image"])
        _, x_next = diffuse_pair(process, x0, own)
        x_t, x0_hat = fake(params, x_next, own, y)
        loss = losses.non_saturating(judge(params["critic"], x_t, own.t, x_next, y))
        metrics = {"generator/adversarial": loss}
        loss = adversarial * loss
        if reconstruction is not None:
            metrics["generator/reconstruction"] = reconstruction(x0_hat, x0, y)
            loss += metrics["generator/reconstruction"]
        return loss, Report(metrics)

    return Objective(draw, (Phase(("critic",), critic), Phase(("generator",), generator)))


def regression(
    adversarial: Objective,
    *,
    predict: Predict,
    process: Gaussian,
    encode: Callable,
    start: Callable,
    reconstruction: Callable,
    dropout: bool = False,
) -> Objective:
    """The same draws, but the generator alone, on the reconstruction term: the stage before the adversary is turned on.

    The chain begins at `start(y)`, the task's first estimate, instead of at the truth: in sampling x_{t+1} tells
    nothing of the truth that y does not, and a generator that had learned to read it there would read noise.
    """

    def generator(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        del context
        y, own = draws["y"], draws["generator"]
        _, x_next = diffuse_pair(process, encode(start(y)), own)
        x0 = predict(params["generator"], x_next, own.t, own.latent, y, *keys_of(own, dropout))
        loss = reconstruction(x0, encode(batch["image"]), y)
        return loss, Report({"generator/reconstruction": loss})

    return Objective(adversarial.draw, (Phase(("generator",), generator),))
