"""What diffusion models are trained by: the error of a prediction, the variational bound, or both together.

Ho, Jain, Abbeel, "Denoising Diffusion Probabilistic Models", arXiv 2006.11239; Nichol, Dhariwal, "Improved Denoising
Diffusion Probabilistic Models", arXiv 2102.09672.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from dgan_jax.core.parts import Context, Example, Measurement, Objective, Phase, Report
from dgan_jax.process.gaussian import Tables, at, diffuse, expand, step_log_variance
from dgan_jax.process.predictions import Prediction, previous

Say = Callable[[Any, jax.Array, jax.Array, Measurement, jax.Array | None], jax.Array]
"""(parameters, x, t [B], y, keys of dropout [B] or None) -> what the network says, [B, h, w, c or 2 c]."""


def kl_divergence(mean: jax.Array, log_variance: jax.Array, other: jax.Array, other_log: jax.Array) -> jax.Array:
    """KL of two diagonal Gaussians, elementwise, in nats."""
    apart = log_variance - other_log
    return 0.5 * (jnp.expm1(apart) - apart + jnp.square(mean - other) * jnp.exp(-other_log))


def logit_of_cdf(x: jax.Array) -> jax.Array:
    """The normal distribution function as a sigmoid of this: the published approximation, whose tanh is a sigmoid."""
    return 2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)


def decoder_log_likelihood(x0: jax.Array, mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """log p(x0 | x_1) of images of 8 bits in [-1, 1], elementwise: the Gaussian's share of each value's bin.

    The bins of the darkest and the brightest value go on for ever (Ho et al., equation 13).
    """
    scale = jnp.exp(-0.5 * log_variance)
    above, below = logit_of_cdf((x0 - mean + 1 / 255) * scale), logit_of_cdf((x0 - mean - 1 / 255) * scale)
    # sigmoid(a) - sigmoid(b) in logarithms: far from the mean the difference itself is lost in float32.
    inside = jax.nn.log_sigmoid(above) + jax.nn.log_sigmoid(-below) + jnp.log(-jnp.expm1(below - above))
    edge = jnp.where(x0 < -0.999, jax.nn.log_sigmoid(above), jax.nn.log_sigmoid(-below))
    return jnp.maximum(jnp.where(jnp.abs(x0) > 0.999, edge, inside), np.log(1e-12))


def bits(values: jax.Array) -> jax.Array:
    """[B, ...] in nats -> [B], bits per dimension."""
    return jnp.mean(values, axis=tuple(range(1, values.ndim))) / np.log(2)


def bound(
    process: Tables, x0: jax.Array, x: jax.Array, t: jax.Array, mean: jax.Array, log_variance: jax.Array
) -> jax.Array:
    """[B], bits per dimension: the term of the variational bound for the step from x = x_{t+1} back to x_t, t [B].

    `mean` and `log_variance` are those of the network's step (Ho et al., equation 5).
    """
    small = jnp.asarray(step_log_variance(process, "small"), jnp.float32)[t]
    kl = bits(kl_divergence(previous(process, x0, x, t), expand(small, x), mean, log_variance))
    return jnp.where(t == 0, -bits(decoder_log_likelihood(x0, mean, log_variance)), kl)


def prior_bound(process: Tables, x0: jax.Array) -> jax.Array:
    """[B], bits per dimension: what the noisiest state still tells of x0."""
    end = jnp.full(x0.shape[:1], process.steps)
    mean = at(process.signal, end, x0) * x0
    log_variance = jnp.broadcast_to(2 * jnp.log(at(process.noise, end, x0)), x0.shape)
    return bits(kl_divergence(mean, log_variance, jnp.zeros_like(x0), jnp.zeros_like(x0)))


@struct.dataclass
class Draws:
    """Randomness of one update; shapes are for one example, a batch axis comes first after vmap."""

    t: jax.Array  # [] integer in 0 .. T-1
    noise: jax.Array  # [h, w, c], x_0 -> x_{t+1}
    key: jax.Array  # of dropout


def reduced(errors: jax.Array, how: str) -> jax.Array:
    """[B, ...] -> [B]: the mean over an image (Ho et al.) or the sum (DDIM)."""
    axes = tuple(range(1, errors.ndim))
    return jnp.sum(errors, axes) if how == "sum" else jnp.mean(errors, axes)


def diffusion(
    *,
    say: Say,
    process: Tables,
    prediction: Prediction,
    measure: Callable[[jax.Array, Example], Measurement],
    encode: Callable[[jax.Array], jax.Array],
    log_variance: Callable[[Tables, jax.Array, jax.Array], jax.Array] | None = None,
    loss: str = "simple",
    reduce: str = "mean",
    dropout: bool = False,
    player: str = "denoiser",
) -> Objective:
    """One player, told x_{t+1} and t, says what `prediction` names (and how sure it is, with `log_variance`).

    loss: "simple", the squared error of what is said; "bound", the variational bound; "hybrid", the error and a
    thousandth of the bound, whose slope reaches the variance alone (Nichol, Dhariwal, equation 16). A variance that is
    learned needs one of the last two. `log_variance` is one of `process.predictions.VARIANCES`.
    """
    if loss not in ("simple", "bound", "hybrid") or reduce not in ("mean", "sum"):
        raise ValueError(f"a loss is simple, bound or hybrid, reduced by mean or sum; got {loss!r} and {reduce!r}")
    if log_variance is not None and loss == "simple":
        raise ValueError("a learned variance needs the loss 'hybrid' or 'bound': 'simple' does not depend on it")
    if log_variance is None and loss == "hybrid":
        raise ValueError("the loss 'hybrid' is for a learned variance; take 'simple' for a fixed one")

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        own, time, noise, dropped = jax.random.split(key, 4)
        shape = jax.eval_shape(lambda x: encode(x[None])[0], example["image"]).shape
        t = jax.random.randint(time, (), 0, process.steps)
        return {"y": measure(own, example), "update": Draws(t, jax.random.normal(noise, shape), dropped)}

    def terms(said: jax.Array, x0: jax.Array, x: jax.Array, draws: Draws) -> Mapping[str, jax.Array]:
        """The loss's parts, [B] each."""
        t, channels = draws.t, x.shape[-1]
        mean_part, rest = said[..., :channels], said[..., channels:]
        error = reduced(jnp.square(prediction.target(process, x0, x, draws.noise, t) - mean_part), reduce)
        if loss == "simple":
            return {"error": error}
        free = mean_part if loss == "bound" else jax.lax.stop_gradient(mean_part)
        mean = previous(process, prediction.x0(process, free, x, t), x, t)
        if log_variance is None:
            spread = jnp.broadcast_to(at(process.log_variance, t, x), x.shape)
        else:
            spread = log_variance(process, rest, t)
        step = bound(process, x0, x, t, mean, spread)
        # The whole bound is T terms, of which one was drawn; with the error it counts a thousandth.
        return {"bound": step} if loss == "bound" else {"error": error, "bound": step * process.steps / 1000}

    def denoise(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        del context
        own, x0 = draws["update"], encode(batch["image"])
        x = diffuse(process, x0, own.t + 1, own.noise)
        said = say(params[player], x, own.t, draws["y"], own.key if dropout else None)
        parts = {name: jnp.mean(value) for name, value in terms(said, x0, x, own).items()}
        return sum(parts.values(), jnp.zeros(())), Report({f"{player}/{name}": v for name, v in parts.items()})

    return Objective(draw, (Phase((player,), denoise),))
