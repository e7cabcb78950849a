"""The three objectives of our restorer: least error, then a diffusion-GAN of what it leaves, then a refiner.

An estimator learns the answer of least error, alone. What is then still missing of the truth is what cannot be known:
a diffusion-GAN (`objectives/denoising_gan.py`) draws it, on top of the estimator, which is frozen by then. A sum of the
answer of least error and a share of such a draw is the best way between little error and much realism (Freirich et
al., arXiv 2107.02555).

Critics judge places, not images, real and fake of one damaged image against each other, and are held flat on both by
gradient penalties (Huang et al., "The GAN is dead; long live the GAN!", arXiv 2501.05441): with a few images a batch,
one that judges images wins within minutes and teaches nothing more. Beside them stands a distance of textures
(`objectives/texture.py`), which needs no learning and is there from the first step.

No loss stops a gradient: a phase is differentiated for its own player alone.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Context, Example, Measurement, Objective, Phase, Report
from dgan_jax.objectives import adversarial as losses
from dgan_jax.objectives import texture
from dgan_jax.objectives.denoising_gan import Draws, Pair, draw_update, named
from dgan_jax.process.gaussian import Tables, diffuse, posterior_sample

Measure = Callable[[jax.Array, Example], Measurement]
Encode = Callable[[jax.Array, Measurement], jax.Array]
"""(image, y) -> code."""
Decode = Callable[[jax.Array, Measurement], jax.Array]
"""(code, y) -> image."""
Errors = Callable[[jax.Array, jax.Array, Measurement], jax.Array]
"""(predicted code, true code, y) -> one number an image [B]."""
Least = Callable[[Any, Measurement], jax.Array]
"""(params by player, y) -> code of least error."""
Predict = Callable[[Any, jax.Array, jax.Array, jax.Array, Measurement, jax.Array], jax.Array]
"""(generator parameters, x_{t+1}, t, z, y, code of least error) -> x0, what that code leaves of the truth."""
Judge = Callable[[Any, jax.Array, jax.Array, jax.Array, Measurement, jax.Array], jax.Array]
"""(critic parameters, x_t, t, x_{t+1}, y, code of least error) -> logits [B, places]."""
Sample = Callable[[Any, Measurement, jax.Array, jax.Array], jax.Array]
"""(params by player, y, code of least error, keys [B]) -> x0, by the whole chain."""
Refine = Callable[[Any, jax.Array, jax.Array, Measurement, jax.Array], jax.Array]
"""(refiner parameters, x0, z, y, code of least error) -> refined x0."""


def noise_pair(process: Tables, x0: jax.Array, draws: Draws) -> tuple[jax.Array, jax.Array]:
    """(x_t, x_{t+1}) of any chain, also one whose steps depend on x0: first the noisier one, then the way back."""
    x_next = diffuse(process, x0, draws.t + 1, draws.noise_marginal)
    return posterior_sample(process, x0, x_next, draws.t, draws.noise_posterior), x_next


class Weights(NamedTuple):
    """Of what a player that draws pays for: the critic's judgement (0: there is no critic), textures unlike those of
    the truth, errors."""

    adversarial: float
    texture: float
    error: float


def contested(
    score: Callable[[jax.Array], jax.Array], real: jax.Array, fake: jax.Array, step: jax.Array, *, gamma: float,
    every: int,
) -> tuple[jax.Array, dict[str, jax.Array]]:  # fmt: skip
    """The critic's relativistic loss, and R1 and R2 on every `every`-th step, as often as they are left out stronger.

    arXiv 2501.05441, equations 2 to 5. score: x [B, H, W, C] -> logits [B, places]; gamma is per place.
    """
    gap = score(real) - score(fake)

    def penalty() -> jax.Array:
        steep = lambda x: jnp.sum(jnp.square(jax.grad(lambda x: score(x).sum())(x))) / gap.size
        return 0.5 * gamma * every * (steep(real) + steep(fake))

    flat = losses.lazily(step, every, penalty)
    loss = losses.as_real(gap)
    return loss + flat, {"loss": loss, "flat": flat, "gap": jnp.mean(gap)}


def fooled(score: Callable[[jax.Array], jax.Array], real: jax.Array, fake: jax.Array) -> jax.Array:
    """The other side of `contested`: what the generator pays."""
    return losses.as_fake(score(real) - score(fake))


def priced(
    weights: Weights, name: str, score: Callable[[jax.Array], jax.Array], real: jax.Array, fake: jax.Array,
    drawn: jax.Array, left: jax.Array, slices: texture.Slices, error: jax.Array,
) -> tuple[jax.Array, Report]:  # fmt: skip
    """What a player pays whose image `drawn` is to look like what is `left` of the truth; real and fake are codes."""
    judged = fooled(score, real, fake) if weights.adversarial else jnp.zeros(())
    rough = jnp.mean(texture.apart(drawn, left, slices)) if weights.texture else jnp.zeros(())
    loss = weights.adversarial * judged + weights.texture * rough + weights.error * error
    return loss, Report(named(name, {"adversarial": judged, "texture": rough, "error": error}))


def remainders(decode: Decode, y: Measurement, best: jax.Array, *codes: jax.Array) -> list[jax.Array]:
    """What each code adds to the image of least error."""
    least = decode(best, y)
    return [decode(best + code, y) - least for code in codes]


def phases(weights: Weights, critic: Phase, player: Phase) -> tuple[Phase, ...]:
    """The critic's, if it has a say, and the player's."""
    return (critic, player) if weights.adversarial else (player,)


def estimate(*, least: Least, measure: Measure, encode: Encode, errors: Errors) -> Objective:
    """The estimator alone learns the answer of least error."""

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        return {"y": measure(key, example)}

    def estimator(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        del context
        y = draws["y"]
        loss = jnp.mean(errors(least(params, y), encode(batch["image"], y), y))
        return loss, Report({"estimator/error_dB": loss})

    return Objective(draw, (Phase(("estimator",), estimator),))


def adversarial(
    *, predict: Predict, least: Least, judge: Judge, process: Tables, pair: Pair, measure: Measure, encode: Encode,
    decode: Decode, latent: int, errors: Errors, weights: Weights, gamma: float, every: int,
) -> Objective:  # fmt: skip
    """Critic, then generator, on what the estimator leaves."""

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        keys = jax.random.split(key, 4)
        y = measure(keys[0], example)
        first = jax.tree.map(lambda value: value[None], y)
        shape = jax.eval_shape(lambda x: encode(x[None], first)[0], example["image"]).shape
        update = lambda k: draw_update(k, shape, steps=process.steps, latent=latent)
        slices = texture.draw_slices(keys[3], example["image"].shape[-1])
        return {"y": y, "critic": update(keys[1]), "generator": update(keys[2]), "slices": slices}

    def pairs(params: dict, batch: Example, y: Measurement, own: Draws) -> tuple[jax.Array, ...]:
        """x_t real and fake, x_{t+1}, x0 predicted, the code of least error and the true one."""
        best, truth = least(params, y), encode(batch["image"], y)
        x_t, x_next = noise_pair(process, truth - best, own)
        x0 = predict(params["generator"], x_next, own.t, own.latent, y, best)
        return x_t, pair(process, x0, x_next, own.t, own.noise_step), x_next, x0, best, truth

    def critic(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        y, own = draws["y"], draws["critic"]
        real, fake, x_next, _, best, _ = pairs(params, batch, y, own)
        score = lambda x: judge(params["critic"], x, own.t, x_next, y, best)
        loss, metrics = contested(score, real, fake, context.step, gamma=gamma, every=every)
        return loss, Report(named("critic", metrics))

    def generator(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        del context
        y, own = draws["y"], draws["generator"]
        real, fake, x_next, x0, best, truth = pairs(params, batch, y, own)
        score = lambda x: judge(params["critic"], x, own.t, x_next, y, best)
        error = jnp.mean(errors(best + x0, truth, y))
        drawn, left = remainders(decode, y, best, x0, truth - best)
        return priced(weights, "generator", score, real, fake, drawn, left, draws["slices"], error)

    return Objective(draw, phases(weights, Phase(("critic",), critic), Phase(("generator",), generator)))


def refinement(
    *, sample: Sample, least: Least, refine: Refine, judge: Judge, measure: Measure, encode: Encode, decode: Decode,
    latent: int, errors: Errors, weights: Weights, gamma: float, every: int,
) -> Objective:  # fmt: skip
    """The refiner's critic, then the refiner, on samples of a generator that this objective does not train.

    The critic sees, beside what it judges, the code of least error but not the sample, so that it cannot tell real from
    fake by comparing with that.
    """

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        keys = jax.random.split(key, 4)
        y = measure(keys[0], example)
        slices = texture.draw_slices(keys[3], example["image"].shape[-1])
        latents = jax.random.normal(keys[2], (latent,))
        return {"y": y, "sample": keys[1], "latent": latents, "slices": slices}

    def played(params: dict, batch: Example, draws: dict) -> tuple[jax.Array, ...]:
        """What is real and what is refined, the code of least error and the true one."""
        y = draws["y"]
        best, truth = least(params, y), encode(batch["image"], y)
        x0 = sample(params, y, best, draws["sample"])
        return truth - best, refine(params["refiner"], x0, draws["latent"], y, best), best, truth

    def scored(params: dict, draws: dict, best: jax.Array) -> Callable[[jax.Array], jax.Array]:
        none = jnp.zeros(best.shape[0], jnp.int32)
        return lambda x: judge(params["second_critic"], x, none, jnp.zeros_like(x), draws["y"], best)

    def critic(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        real, fake, best, _ = played(params, batch, draws)
        loss, metrics = contested(scored(params, draws, best), real, fake, context.step, gamma=gamma, every=every)
        return loss, Report(named("second_critic", metrics))

    def refiner(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        del context
        real, fake, best, truth = played(params, batch, draws)
        error = jnp.mean(errors(best + fake, truth, draws["y"]))
        score = scored(params, draws, best)
        drawn, left = remainders(decode, draws["y"], best, fake, real)
        return priced(weights, "refiner", score, real, fake, drawn, left, draws["slices"], error)

    return Objective(draw, phases(weights, Phase(("second_critic",), critic), Phase(("refiner",), refiner)))


def together(*objectives: Objective) -> Objective:
    """All phases of several objectives, one after the other, each on draws of its own."""

    def draw(key: jax.Array, example: Example) -> tuple:
        keys = jax.random.split(key, len(objectives))
        return tuple(objective.draw(own, example) for objective, own in zip(objectives, keys, strict=True))

    def own(i: int, phase: Phase) -> Phase:
        loss = lambda params, context, batch, draws: phase.loss(params, context, batch, draws[i])
        return phase._replace(loss=loss)

    return Objective(draw, tuple(own(i, phase) for i, each in enumerate(objectives) for phase in each.phases))
