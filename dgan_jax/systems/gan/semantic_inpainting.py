"""Semantic inpainting: search a GAN's latent space for the image that agrees with what is known, and blend it in.

Yeh, Chen, Lim, Schwing, Hasegawa-Johnson, Do, "Semantic Image Inpainting with Deep Generative Models", CVPR 2017, arXiv
1607.07539. A solver on any GAN that keeps its critic: known pixels count by how many missing ones are around them, the
critic's opinion of the image is added, and the hole takes the gradients of the best of several searches (Poisson).
"""

import dataclasses

import jax
import jax.numpy as jnp
import optax

from dgan_jax.core import checks
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Generator, Measurement, Spec, System, Task
from dgan_jax.objectives.adversarial import minimax
from dgan_jax.ops import prefill
from dgan_jax.samplers import latent_search

PAPER = "Yeh et al. 2017, arXiv 1607.07539"
TASKS = ("inpaint",)
PRIOR = Generator
STEERS = True
SEARCHES = ("adam", "nesterov")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the paper's; its authors' code takes nesterov, 3000 steps of 3e-4, weight 0.2 and bound 1."""

    steps: int = 1500
    search: str = "adam"
    """adam or nesterov (momentum 0.9, then back within `bound`)."""
    rate: float = 0.03
    prior_weight: float = 0.003
    """lambda: of log(1 - D(G(z))) against the sum of weighted differences."""
    window: int = 7
    """Side of the window in which missing pixels are counted."""
    restarts: int = 4
    """Searches for each image, of which the one of least loss is taken."""
    bound: float = 0.0
    """Latents are kept within +-bound; 0: they are free."""
    blend: bool = True
    """Take the found image's gradients, not its colours."""

    def __post_init__(self) -> None:
        lookup("search", self.search, dict.fromkeys(SEARCHES))
        checks.at_least_one(self, "steps", "window", "restarts")
        if self.rate <= 0:
            raise ValueError(f"system.rate must be more than 0, got {self.rate}; published: 0.03 of adam")


def blended(found: jax.Array, image: jax.Array, hole: jax.Array) -> jax.Array:
    """Poisson's equation: in the hole the gradients of `found`, at its rim the colours of `image`.

    What is to be added to `found` is harmonic in the hole, so Laplace's equation of the difference is solved.
    """
    return found + prefill.harmonic(image - found, hole)


def searched(config: Config) -> optax.GradientTransformation:
    """The optimizer of the latent."""
    if config.search == "adam":
        return optax.adam(config.rate)
    return optax.sgd(config.rate, momentum=0.9, nesterov=True)


def build(config: Config, task: Task, spec: Spec, prior: Generator) -> System:
    """Images of a batch, and restarts of an image, are searched for side by side."""
    del spec
    if prior.judge is None:
        raise ValueError("semantic inpainting needs the critic, and this run has kept none")
    judge, optimizer = prior.judge, searched(config)

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        count = len(keys)
        several = jax.tree.map(lambda x: jnp.concatenate([x] * config.restarts), y)
        own = jax.vmap(lambda n: jax.vmap(lambda key: jax.random.fold_in(key, n))(keys))(jnp.arange(config.restarts))
        start = jax.vmap(prior.draw)(own.reshape(-1), several)
        known = 1 - several["hole"][..., 0]
        weights = latent_search.context_weights(known, config.window)[..., None]

        def losses(z: jax.Array) -> jax.Array:
            """[restarts * B]."""
            image = prior.generate(variables, z, several)
            context = jnp.sum(jnp.abs(weights * (image - several["image"])), axis=(1, 2, 3))
            opinion = jax.vmap(minimax)(judge(variables, image, several))
            return context + config.prior_weight * opinion

        def step(carry: tuple[jax.Array, optax.OptState], _: None) -> tuple[tuple[jax.Array, optax.OptState], None]:
            z, state = carry
            updates, state = optimizer.update(jax.grad(lambda z: losses(z).sum())(z), state)
            z = jnp.asarray(optax.apply_updates(z, updates))
            return (jnp.clip(z, -config.bound, config.bound) if config.bound else z, state), None

        (z, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), None, config.steps)
        best = jnp.argmin(losses(z).reshape(config.restarts, count), axis=0)
        z = z.reshape(config.restarts, count, *z.shape[1:])[best, jnp.arange(count)]
        image = prior.generate(variables, z, y)
        if config.blend:
            image = blended(image, y["image"], y["hole"])
        return task.project(jnp.clip(image, -1, 1), y)

    return System(restore, calls=2 * config.steps * config.restarts + 1, draws=True)
