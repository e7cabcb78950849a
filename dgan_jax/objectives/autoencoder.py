"""The objective of latent-diffusion autoencoders: reconstruction, a regularised code, and a critic of patches.

Rombach et al., arXiv 2112.10752, appendix G; Esser et al., "Taming Transformers", arXiv 2012.09841, equation 7 for the
adaptive weight. The autoencoder is updated first, then the critic, each with its own draws, as in the published code.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from dgan_jax.core.parts import Context, Example, Objective, Phase, Report
from dgan_jax.objectives.adversarial import hinge, logistic


@struct.dataclass
class Draws:
    """Randomness of one update; for one example, a batch axis comes first after vmap."""

    noise: jax.Array  # [h, w, Z], of a code that is a draw
    dropout: jax.Array  # [] key


Encode = Callable[[Any, jax.Array, Draws], tuple[jax.Array, jax.Array]]
"""(autoencoder parameters, images, draws) -> codes [B, h, w, Z] and the regulariser's value []."""
Decode = Callable[[Any, jax.Array, Draws], jax.Array]
"""(autoencoder parameters, codes, draws) -> images."""
Judge = Callable[[Any, Any, jax.Array], tuple[jax.Array, Any]]
"""(critic parameters, its model state, images) -> logits of patches, new model state."""
Fidelity = Callable[[Any, jax.Array], jax.Array]
"""(autoencoder parameters, absolute error [B, H, W, C]) -> scalar."""


CriticLoss = Callable[[jax.Array, jax.Array], jax.Array]
"""(logits of real patches, of reconstructed ones) -> scalar."""


def kl_divergence(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """Of N(mean, exp(log_variance)) from N(0, I), summed over each sample: [B]."""
    return 0.5 * jnp.sum(mean**2 + jnp.exp(log_variance) - 1 - log_variance, axis=(1, 2, 3))


def code_book(h: jax.Array, entries: jax.Array, *, beta: float = 0.25) -> jax.Array:
    """Commitment of codes h to their entries, and of entries to their codes.

    In the published "legacy" form `beta` weighs the entries' term, and not, as in the paper, the commitment.
    """
    fixed = jax.lax.stop_gradient
    return jnp.mean((fixed(entries) - h) ** 2) + beta * jnp.mean((entries - fixed(h)) ** 2)


def laplacian(log_variance: jax.Array, error: jax.Array) -> jax.Array:
    """Negative log-likelihood up to a constant: summed over pixels, mean over the batch."""
    return jnp.sum(error / jnp.exp(log_variance) + log_variance) / error.shape[0]


def halved(loss: CriticLoss) -> CriticLoss:
    """A critic's loss at half its weight, as latent diffusion's autoencoders take it."""
    return lambda real, fake: 0.5 * loss(real, fake)


CRITIC_LOSSES = {"hinge": halved(hinge), "vanilla": halved(logistic)}
"""Half the sum of both sides' losses, by the names of the published code."""


def leaf_at(tree: Any, path: tuple[str, ...]) -> jax.Array:
    """What stands in a tree at a path of keys."""
    for key in path:
        tree = tree[key]
    return tree


def with_leaf(tree: Any, path: tuple[str, ...], leaf: jax.Array) -> Any:
    """The tree with another leaf at `path`."""
    if not path:
        return leaf
    return {**tree, path[0]: with_leaf(tree[path[0]], path[1:], leaf)}


def autoencoder(
    *,
    encode: Encode,
    decode: Decode,
    judge: Judge,
    fidelity: Fidelity,
    code_shape: Callable[[tuple[int, ...]], tuple[int, ...]],
    last: tuple[str, ...] = ("decoder", "out", "kernel"),
    regulariser: float = 1e-6,
    adversarial: float = 0.5,
    adversarial_start: int = 50_001,
    critic_loss: CriticLoss = CRITIC_LOSSES["hinge"],
    factor: float = 1.0,
    perceptual: Callable[[jax.Array, jax.Array], jax.Array] | None = None,
    axis_name: str | None = None,
    by_deviation: bool = False,
) -> Objective:
    """Players "autoencoder" and "patches".

    `code_shape`: of an image's shape, that of its code. Before step `adversarial_start` both adversarial losses are 0.
    The autoencoder's is weighted by `adversarial` times the ratio of the gradients that fidelity and it send into the
    weight at `last` (of all devices of `axis_name`); against the mean logit of reconstructions it is the same whatever
    `critic_loss` is. `factor` multiplies both adversarial losses. `perceptual(images, reconstructions) -> [B]` is
    added to every pixel's error. The largest absolute code, or `by_deviation` the codes' deviation from 0, is averaged
    over steps and noted in the autoencoder's "statistics".
    """

    def draw(key: jax.Array, example: Example) -> dict[str, Draws]:
        shape = code_shape(example["image"].shape)
        one = lambda key: Draws(jax.random.normal(jax.random.fold_in(key, 0), shape), jax.random.fold_in(key, 1))
        keys = jax.random.split(key)
        return {"autoencoder": one(keys[0]), "patches": one(keys[1])}

    def over_devices(reduce: Callable, value: jax.Array) -> jax.Array:
        return value if axis_name is None else reduce(value, axis_name)

    def negative_log_likelihood(own: Any, image: jax.Array, y: jax.Array) -> jax.Array:
        error = jnp.abs(image - y)
        if perceptual is not None:
            error = error + perceptual(image, y)[:, None, None, None]
        return fidelity(own, error)

    def adaptive(pull: Callable, *slopes: jax.Array) -> jax.Array:
        """The ratio of the norms of what two slopes by the image send into the last weight."""
        of_last = [over_devices(jax.lax.pmean, pull(jax.lax.stop_gradient(slope))[0]) for slope in slopes]
        fitting, fooling = (jnp.linalg.norm(slope.ravel()) for slope in of_last)
        return jax.lax.stop_gradient(adversarial * jnp.clip(fitting / (fooling + 1e-4), 0, 1e4))

    def largest(context: Context, code: jax.Array) -> dict[str, Any]:
        code = jax.lax.stop_gradient(code)
        if by_deviation:
            now = jnp.sqrt(over_devices(jax.lax.pmean, jnp.mean(jnp.square(code))))
        else:
            now = over_devices(jax.lax.pmax, jnp.max(jnp.abs(code)))
        old = context.model_state["autoencoder"]["statistics"]["largest"]
        return {"statistics": {"largest": jnp.where(context.step == 0, now, 0.99 * old + 0.01 * now)}}

    def build(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        own, image, given = params["autoencoder"], batch["image"], draws["autoencoder"]
        code, penalty = encode(own, image, given)
        y, pull = jax.vjp(lambda weight: decode(with_leaf(own, last, weight), code, given), leaf_at(own, last))
        fit = lambda y: negative_log_likelihood(own, image, y)

        def fool(y: jax.Array) -> tuple[jax.Array, Any]:
            logits, state = judge(params["patches"], context.model_state["patches"], y)
            return -jnp.mean(logits), state

        loss, (other, state) = fit(y), fool(y)
        weight = adaptive(pull, jax.grad(fit)(y), jax.grad(fool, has_aux=True)(y)[0])
        on = factor * (context.step >= adversarial_start)
        metrics = {
            "autoencoder/error": jnp.mean(jnp.abs(image - y)),
            "autoencoder/likelihood": loss,
            "autoencoder/penalty": penalty,
            "autoencoder/adversarial": other,
            "autoencoder/weight": weight,
        }
        total = loss + regulariser * penalty + on * weight * other
        return total, Report(metrics, {"autoencoder": largest(context, code), "patches": state})

    def tell(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        given = draws["patches"]
        code, _ = encode(params["autoencoder"], batch["image"], given)
        y = jax.lax.stop_gradient(decode(params["autoencoder"], code, given))
        real, state = judge(params["patches"], context.model_state["patches"], batch["image"])
        fake, state = judge(params["patches"], state, y)
        loss = factor * (context.step >= adversarial_start) * critic_loss(real, fake)
        metrics = {"patches/loss": loss, "patches/gap": jnp.mean(real) - jnp.mean(fake)}
        return loss, Report(metrics, {"patches": state})

    return Objective(draw, (Phase(("autoencoder",), build), Phase(("patches",), tell)))
