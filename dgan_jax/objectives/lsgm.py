"""How NVAE is trained, alone and with a diffusion as the prior of its codes.

Vahdat, Kreis, Kautz, "Score-based Generative Modeling in Latent Space", NeurIPS 2021, arXiv 2106.05931, section 3 and
appendix G; times are drawn once, and weighed anew for the encoder.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from dgan_jax.core.parts import Context, Example, Objective, Phase, Report
from dgan_jax.nets.nvae import Code
from dgan_jax.objectives import hierarchical
from dgan_jax.objectives.mixture import log_probability
from dgan_jax.process.gaussian import expand
from dgan_jax.process.latent_sde import Common, times_of


@struct.dataclass
class Draws:
    """Randomness of one update; shapes are for one example, a batch axis comes first after vmap."""

    rho: jax.Array  # [h, w, c], of the code
    noise: jax.Array  # [h, w, c], of the diffusion
    u: jax.Array  # [] in [0, 1), of the time
    key: jax.Array  # of dropout


Coded = Callable[[Any, Any, jax.Array, jax.Array], tuple[jax.Array, Code, Any]]
"""(autoencoder parameters, its model state, images, rho) -> logits of pixels, code, new model state."""
Say = Callable[[Any, jax.Array, jax.Array, jax.Array], jax.Array]
"""(prior parameters, x, t [B], keys [B] of dropout) -> noise."""


@dataclasses.dataclass(frozen=True)
class Rise:
    """The weight of the divergence: from 0, but never below `first`, to `last` in `steps` steps."""

    first: float
    last: float
    steps: float

    def at(self, step: jax.Array) -> jax.Array:
        return hierarchical.risen_to(self.first, self.last, self.steps, step)


@dataclasses.dataclass(frozen=True)
class Autoencoding:
    """What both stages have in common. `shape`: of a code. `regulariser`: weight of the norms' sums."""

    coded: Coded
    shape: tuple[int, int, int]
    groups: int
    shapes: Callable[[], Any]
    rise: Rise
    regulariser: float
    axis_name: str | None = None

    def draw(self, key: jax.Array, example: Example) -> Draws:
        del example
        rho, noise, time, dropped = jax.random.split(key, 4)
        normal = lambda key: jax.random.normal(key, self.shape)
        return Draws(normal(rho), normal(noise), jax.random.uniform(time), dropped)

    def memory(self) -> dict[str, Any]:
        return {"singular": hierarchical.first_vectors(self.shapes())}

    def loss(
        self, own: Any, context: Context, logits: jax.Array, image: jax.Array, kl: jax.Array
    ) -> tuple[jax.Array, dict[str, jax.Array], dict[str, Any]]:
        """The autoencoder's loss from the divergence kl [B, G], its metrics, and what to remember."""
        likelihood = jnp.mean(jnp.sum(log_probability(logits, image), axis=(1, 2)))
        weight = self.rise.at(context.step)
        shares = hierarchical.balanced(kl, weight < 1, self.axis_name)
        norms, singular = hierarchical.spectral_sum(own, context.memory["singular"])
        norms = norms + hierarchical.scale_sum(own)
        total = weight * jnp.mean(jnp.sum(shares * kl, axis=1)) - likelihood + self.regulariser * norms
        metrics = {
            "autoencoder/likelihood": likelihood, "autoencoder/divergence": jnp.mean(jnp.sum(kl, axis=1)),
            "autoencoder/norms": norms,
        }  # fmt: skip
        return total, metrics, {"singular": singular}


def alone(parts: Autoencoding) -> Objective:
    """Player "autoencoder", with a normal prior. The divergence is in closed form (ours; published: of the draw)."""

    def fit(params: dict, context: Context, batch: Example, draws: Draws) -> tuple[jax.Array, Report]:
        own, image = params["autoencoder"], batch["image"]
        logits, code, state = parts.coded(own, context.model_state["autoencoder"], image, draws.rho)
        kl = hierarchical.by_group(hierarchical.normal_kl(code.mean, code.log_std), parts.groups)
        total, metrics, memory = parts.loss(own, context, logits, image, kl)
        return total, Report(metrics, {"autoencoder": state}, memory)

    return Objective(parts.draw, (Phase(("autoencoder",), fit),), parts.memory)


def joint(parts: Autoencoding, sde: Common, say: Say, *, weighting: str, least: float) -> Objective:
    """Players "autoencoder" and "denoiser", each by its own loss, in one update: times are drawn for the denoiser's
    weighting from `least` to 1, and weigh as the likelihood does for the autoencoder."""
    rest = 0.5 * (1 + np.log(2 * np.pi) + jnp.log(sde.variance(jnp.asarray(least, jnp.float32))))

    def fit(params: dict, context: Context, batch: Example, draws: Draws) -> tuple[jax.Array, Report]:
        own, image, fixed = params["autoencoder"], batch["image"], jax.lax.stop_gradient
        logits, code, state = parts.coded(own, context.model_state["autoencoder"], image, draws.rho)
        times = times_of(weighting, sde, least, draws.u)
        signal, noise = (expand(value, code.eps) for value in sde.marginal(times.t))
        x = signal * code.eps + noise * draws.noise
        errors = lambda prior, x: jnp.square(say(prior, x, times.t, draws.key) - draws.noise)

        prior = jnp.mean(times.prior * jnp.sum(errors(params["denoiser"], fixed(x)), axis=(1, 2, 3)))
        cross = expand(times.likelihood, x) * errors(fixed(params["denoiser"]), x) + rest
        kl = hierarchical.by_group(hierarchical.negative_entropy(code.log_std) + cross, parts.groups)
        total, metrics, memory = parts.loss(own, context, logits, image, kl)
        return total + prior, Report({**metrics, "denoiser/error": prior}, {"autoencoder": state}, memory)

    return Objective(parts.draw, (Phase(("autoencoder", "denoiser"), fit),), parts.memory)
