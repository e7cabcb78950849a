"""Objectives of our two-stage restorer: least error, then diffusion against a critic, then a refiner against another.

The generator of `objectives/denoising_gan.py` is asked one question more: with t = T it sees no x_t, and gives the
answer of least error. Blending this with a sample is the best way between little error and much realism (Freirich et
al., arXiv 2107.02555).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Context, Example, Measurement, Objective, Phase, Report
from dgan_jax.objectives.denoising_gan import Draws, Judge, Pair, Predict, draw_update, judged, named
from dgan_jax.process.gaussian import Tables, diffuse, posterior_sample

Measure = Callable[[jax.Array, Example], Measurement]
Encode = Callable[[jax.Array, Measurement], jax.Array]
"""(image, y) -> code."""
Errors = Callable[[jax.Array, jax.Array, Measurement], jax.Array]
"""(predicted code, true code, y) -> one number an image [B]."""
Sample = Callable[[Any, Measurement, jax.Array], jax.Array]
"""(params by player, y, keys [B]) -> code, by the whole chain."""
Refine = Callable[[Any, jax.Array, Measurement, jax.Array, jax.Array], jax.Array]
"""(refiner parameters, sample, y, code of least error, z) -> refined code."""


def noise_pair(process: Tables, x0: jax.Array, draws: Draws) -> tuple[jax.Array, jax.Array]:
    """(x_t, x_{t+1}) of any chain, also one whose steps depend on x0: first the noisier one, then the way back."""
    x_next = diffuse(process, x0, draws.t + 1, draws.noise_marginal)
    return posterior_sample(process, x0, x_next, draws.t, draws.noise_posterior), x_next


def least(predict: Predict, params: Any, steps: int, like: jax.Array, latent: int, y: Measurement) -> jax.Array:
    """The code of least error: t = T, nothing seen, nothing drawn."""
    batch = like.shape[0]
    return predict(params, jnp.zeros_like(like), jnp.full(batch, steps), jnp.zeros((batch, latent)), y)


def estimate(
    *, predict: Predict, steps: int, measure: Measure, encode: Encode, latent: int, errors: Errors
) -> Objective:
    """The generator alone learns the answer of least error."""

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        return {"y": measure(key, example)}

    def generator(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        del context
        y = draws["y"]
        x0 = encode(batch["image"], y)
        loss = jnp.mean(errors(least(predict, params["generator"], steps, x0, latent, y), x0, y))
        return loss, Report({"generator/error": loss})

    return Objective(draw, (Phase("generator", generator),))


def adversarial(
    *, predict: Predict, judge: Judge, process: Tables, pair: Pair, measure: Measure, encode: Encode, latent: int,
    errors: Errors, weight: float, reconstruction: float, share: float, r1_gamma: float, r1_every: int,
) -> Objective:  # fmt: skip
    """Critic, then generator. A `share` of the generator's images go on learning the answer of least error; the others
    are judged, `weight` times, and `reconstruction` times their error is added."""

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        keys = jax.random.split(key, 4)
        y = measure(keys[0], example)
        first = jax.tree.map(lambda value: value[None], y)
        shape = jax.eval_shape(lambda x: encode(x[None], first)[0], example["image"]).shape
        update = lambda k: draw_update(k, shape, steps=process.steps, latent=latent)
        least = jax.random.bernoulli(keys[3], share)
        return {"y": y, "critic": update(keys[1]), "generator": update(keys[2]), "least": least}

    def critic(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        y, own = draws["y"], draws["critic"]
        x_t, x_next = noise_pair(process, encode(batch["image"], y), own)
        x0_hat = predict(params["generator"], x_next, own.t, own.latent, y)
        fake = jax.lax.stop_gradient(pair(process, x0_hat, x_next, own.t, own.noise_step))
        score = lambda x: judge(params["critic"], x, own.t, x_next, y)
        loss, metrics = judged(score, x_t, fake, context.step, r1_gamma=r1_gamma, r1_every=r1_every)
        return loss, Report(named("critic", metrics))

    def generator(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        del context
        y, own, least = draws["y"], draws["generator"], draws["least"].astype(jnp.float32)
        x0 = encode(batch["image"], y)
        _, x_next = noise_pair(process, x0, own)
        plane = least[:, None, None, None]
        t = jnp.where(draws["least"], process.steps, own.t)
        x0_hat = predict(params["generator"], (1 - plane) * x_next, t, (1 - least)[:, None] * own.latent, y)
        x_t = pair(process, x0_hat, x_next, own.t, own.noise_step)
        fooled = jax.nn.softplus(-judge(params["critic"], x_t, own.t, x_next, y))
        error = errors(x0_hat, x0, y)
        # Divided by the share expected, not by that drawn: so a mean over devices is the mean over their images.
        metrics = {"adversarial": jnp.mean(fooled * (1 - least)) / (1 - share)}
        if share:
            metrics["error"] = jnp.mean(error * least) / share
        loss = jnp.mean(error * (least + reconstruction * (1 - least)) + weight * fooled * (1 - least))
        return loss, Report(named("generator", metrics))

    return Objective(draw, (Phase("critic", critic), Phase("generator", generator)))


def refinement(
    *, sample: Sample, least: Callable[[Any, Measurement], jax.Array], refine: Refine, judge: Judge, measure: Measure,
    encode: Encode, latent: int, errors: Errors, weight: float, reconstruction: float, r1_gamma: float, r1_every: int,
) -> Objective:  # fmt: skip
    """The refiner's critic, then the refiner, on samples of a generator that this objective does not train.

    The critic sees, beside what it judges, the code of least error: a function of the damaged image alone, so that it
    cannot tell real from fake by comparing with the sample.
    """

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        keys = jax.random.split(key, 3)
        return {"y": measure(keys[0], example), "sample": keys[1], "latent": jax.random.normal(keys[2], (latent,))}

    def drawn(params: dict, draws: dict) -> tuple[jax.Array, jax.Array]:
        y = draws["y"]
        return jax.lax.stop_gradient((sample(params, y, draws["sample"]), least(params, y)))

    def critic(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        y = draws["y"]
        code, best = drawn(params, draws)
        fake = jax.lax.stop_gradient(refine(params["refiner"], code, y, best, draws["latent"]))
        none = jnp.zeros(code.shape[0], jnp.int32)
        score = lambda x: judge(params["second_critic"], x, none, best, y)
        loss, metrics = judged(
            score, encode(batch["image"], y), fake, context.step, r1_gamma=r1_gamma, r1_every=r1_every
        )
        return loss, Report(named("second_critic", metrics))

    def refiner(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        del context
        y, x0 = draws["y"], encode(batch["image"], draws["y"])
        code, best = drawn(params, draws)
        refined = refine(params["refiner"], code, y, best, draws["latent"])
        none = jnp.zeros(code.shape[0], jnp.int32)
        fooled = jnp.mean(jax.nn.softplus(-judge(params["second_critic"], refined, none, best, y)))
        error = jnp.mean(errors(refined, x0, y))
        return weight * fooled + reconstruction * error, Report({"refiner/adversarial": fooled, "refiner/error": error})

    return Objective(draw, (Phase("second_critic", critic), Phase("refiner", refiner)))


def together(*objectives: Objective) -> Objective:
    """All phases of several objectives, one after the other, each on draws of its own."""

    def draw(key: jax.Array, example: Example) -> tuple:
        keys = jax.random.split(key, len(objectives))
        return tuple(objective.draw(own, example) for objective, own in zip(objectives, keys, strict=True))

    def own(i: int, phase: Phase) -> Phase:
        return Phase(phase.player, lambda params, context, batch, draws: phase.loss(params, context, batch, draws[i]))

    return Objective(draw, tuple(own(i, phase) for i, each in enumerate(objectives) for phase in each.phases))
