"""Annealed Langevin inpainting: what is known is put into every state of a slow descent through levels of noise.

Song, Ermon, "Generative Modeling by Estimating Gradients of the Data Distribution", NeurIPS 2019, arXiv 1907.05600,
appendix B.3. A solver on any denoiser of images, whose guess is turned into a score.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Denoiser, Measurement, Spec, System, Task
from dgan_jax.process.gaussian import at, through
from dgan_jax.samplers import annealed_langevin, few_steps
from dgan_jax.systems import walking

PAPER = "Song, Ermon 2019, arXiv 1907.05600"
TASKS = ("inpaint",)
PRIOR = Denoiser
STEERS = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the published values."""

    levels: int = 0
    """Of noise; 0: 10, or all that the run has if it has fewer."""
    each: int = 100
    """Network calls on each level."""
    share: float = 0.2
    """Length of a step, in units of the level's variance; published: 2e-5 where the deviation is 0.01."""
    spacing: str = "log_sigma"
    """Of the levels: log_sigma (as published), karras, uniform, quadratic, floored or rounded."""

    def __post_init__(self) -> None:
        lookup("spacing of steps", self.spacing, few_steps.SPACINGS)
        if self.levels < 0 or self.each < 1 or not 0 < self.share < 1:
            raise ValueError(
                f"system.levels must be at least 0, system.each at least 1 and system.share between 0 and 1, got "
                f"{self.levels}, {self.each} and {self.share}"
            )


def build(config: Config, task: Task, spec: Spec, prior: Denoiser) -> System:
    """Holes, with a prior of images."""
    del spec
    chain = through(prior.process, few_steps.steps_of(prior.process, config.levels, 10, config.spacing))
    times = jnp.asarray(chain.times[::-1].copy())
    signal, noise = (np.asarray(table, np.float64)[:0:-1] for table in (chain.tables.signal, chain.tables.noise))
    kept = np.concatenate([[1.0], signal[1:] / signal[:-1]])

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        walk = walking.walk(prior, variables, y, keys)
        known = walking.known_in(task, y, walk.space)

        def score(x: jax.Array, i: jax.Array, number: jax.Array) -> jax.Array:
            t = jnp.full(x.shape[:1], times[i])
            x0, _ = walk.predict(x, t, number)
            return (at(prior.process.signal, t + 1, x) * x0 - x) / jnp.square(at(prior.process.noise, t + 1, x))

        def put(x: jax.Array, i: jax.Array, fresh: jax.Array) -> jax.Array:
            s, n = jnp.asarray(signal, jnp.float32)[i], jnp.asarray(noise, jnp.float32)[i]
            # What x lacks of the noisy measurement, where there is one.
            return x + known.gap(x, s) + n * known.weigh(lambda value: (value > 0).astype(x.dtype), fresh)

        x = annealed_langevin.sample(
            score, noise, walk.start, walk.noise, share=config.share, each=config.each, kept=kept, put=put
        )
        return walk.image(x, task)

    return System(restore, calls=config.each * len(chain.times), draws=True)
