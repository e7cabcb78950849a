"""DGflow: the gradient flow of a trained GAN's critic refines its latents, in few steps.

Ansari, Ang, Soh, "Refining Deep Generative Models via Discriminator Gradient Flow", ICLR 2021, arXiv 2012.00780. A
solver on any GAN that keeps its critic. Nothing holds the latents to their prior, so that many steps lead astray.
"""

import dataclasses

import jax

from dgan_jax.core import checks
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Generator, Measurement, Spec, System, Task
from dgan_jax.samplers import latent_search

PAPER = "Ansari, Ang, Soh 2021, arXiv 2012.00780"
TASKS = ("generate",)
PRIOR = Generator


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the published values."""

    steps: int = 25
    eta: float = 0.1
    """How far a step goes."""
    gamma: float = 0.01
    """Weight of the entropy, that is of the noise."""
    divergence: str = "KL"
    """KL, JS or logD: how much the slope counts, by the logit."""

    def __post_init__(self) -> None:
        lookup("divergence", self.divergence, latent_search.DIVERGENCES)
        checks.at_least_one(self, "steps")
        if self.eta <= 0 or self.gamma < 0:
            raise ValueError(f"system.eta must be more than 0 and gamma at least 0, got {self.eta} and {self.gamma}")


def build(config: Config, task: Task, spec: Spec, prior: Generator) -> System:
    """The flow begins at a latent of the prior, the one that the GAN alone would have drawn by the same key."""
    del task, spec
    if prior.judge is None:
        raise ValueError("the gradient flow needs the critic, and this run has kept none")
    judge = prior.judge
    weight = lookup("divergence", config.divergence, latent_search.DIVERGENCES)

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        logit = lambda z: judge(variables, prior.generate(variables, z, y), y)

        def step(i: jax.Array, z: jax.Array, noise: jax.Array) -> jax.Array:
            del i
            return latent_search.flow_step(logit, z, noise, eta=config.eta, gamma=config.gamma, weight=weight)

        z = jax.vmap(prior.draw)(keys, y)
        return prior.generate(variables, latent_search.walk(step, z, keys, config.steps), y)

    return System(restore, calls=2 * config.steps + 1, draws=True)
