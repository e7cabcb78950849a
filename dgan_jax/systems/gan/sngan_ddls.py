"""DDLS: Langevin steps in the latent space of a trained GAN, towards images that its critic believes.

Che, Zhang, Sohl-Dickstein, Larochelle, Paull, Cao, Bengio, "Your GAN is Secretly an Energy-based Model and You Should
Use Discriminator Driven Latent Sampling", NeurIPS 2020, arXiv 2003.06060. A solver on any GAN that keeps its critic.
Its logit must tell log odds: a critic of the hinge or Wasserstein loss should have a stage of logistic loss first
(sngan's `calibration_share`). No code was published; step, annealing and their number are a third party's.
"""

import dataclasses

import jax
import jax.numpy as jnp

from dgan_jax.core import checks
from dgan_jax.core.parts import Generator, Measurement, Spec, System, Task
from dgan_jax.samplers import latent_search

PAPER = "Che et al. 2020, arXiv 2003.06060"
TASKS = ("generate",)
PRIOR = Generator


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    steps: int = 1000
    """Langevin steps; each is a call of both networks and their gradient."""
    step: float = 0.01
    """epsilon: the slope counts half of it, the noise its root."""
    loudness: float = 1.0
    """Factor of the noise; the paper's CIFAR-10 runs have noise of deviation 0.1."""
    anneal: float = 0.1
    """Factor of step and noise ..."""
    anneal_every: int = 200
    """... after so many steps."""

    def __post_init__(self) -> None:
        checks.at_least_one(self, "steps", "anneal_every")
        if self.step <= 0 or self.anneal <= 0 or self.loudness < 0:
            raise ValueError(
                "system.step and anneal must be more than 0 and loudness at least 0, got "
                f"{self.step}, {self.anneal} and {self.loudness}"
            )


def build(config: Config, task: Task, spec: Spec, prior: Generator) -> System:
    """The walk begins at a latent of the prior, the one that the GAN alone would have drawn by the same key."""
    del task, spec
    if prior.judge is None:
        raise ValueError("discriminator-driven sampling needs the critic, and this run has kept none")
    judge = prior.judge

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        logit = lambda z: judge(variables, prior.generate(variables, z, y), y)

        def step(i: jax.Array, z: jax.Array, noise: jax.Array) -> jax.Array:
            fade = jnp.asarray(config.anneal, jnp.float32) ** (i // config.anneal_every)
            # Noise fades as the step does, not as its root.
            loud = config.loudness * jnp.sqrt(fade)
            return latent_search.langevin_step(logit, z, noise, config.step * fade, loud)

        z = jax.vmap(prior.draw)(keys, y)
        return prior.generate(variables, latent_search.walk(step, z, keys, config.steps), y)

    return System(restore, calls=2 * config.steps + 1, draws=True)
