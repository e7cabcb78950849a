"""A made-up solver: at each step the prior's clean image, with what is known put back, and a step along its chain."""

import dataclasses

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Denoiser, Spec, System, Task
from dgan_jax.process.gaussian import posterior_sample

PAPER = "none"
TASKS = ("generate", "inpaint")
PRIOR = Denoiser
STEERS = True


@dataclasses.dataclass(frozen=True)
class Config:
    weight: float = 1.0


def build(config: Config, task: Task, spec: Spec, prior: Denoiser) -> System:
    def restore(variables, y, keys):
        space = prior.space(variables)
        normal = lambda n: jax.vmap(lambda key: jax.random.normal(jax.random.fold_in(key, n), shape))(keys)
        shape = space.encode(y["image"]).shape[1:]

        def step(x, t):
            own = jax.vmap(lambda key: jax.random.fold_in(key, t))(keys)
            times = jnp.full(len(x), t)
            x0, _ = prior.predict(variables, x, times, y, own)
            x0 = space.encode(task.project(space.decode(config.weight * x0), y))
            return posterior_sample(prior.process, x0, x, times, normal(t)), None

        steps = jnp.arange(prior.process.steps)[::-1]
        code, _ = jax.lax.scan(step, normal(prior.process.steps), steps)
        return jnp.clip(task.project(space.decode(code), y), -1, 1)

    return System(restore, calls=prior.process.steps, draws=True)
