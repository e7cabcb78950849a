"""A made-up adversarial system: at its end two optimizers, averages, model state and memory are all in use."""

import dataclasses

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from two_stage import Scale

from dgan_jax.core.parts import Objective, Phase, Player, Report, Spec, Stage, System, Task

PAPER = "none"
TASKS = ("generate",)


class Judge(nn.Module):
    """[B, H, W, C] -> [B]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dense(1, name="out")(nn.relu(nn.Conv(4, (3, 3), name="conv")(x)).mean((1, 2)))[:, 0]


@dataclasses.dataclass(frozen=True)
class Config:
    rate: float = 0.01


def build(config: Config, task: Task, spec: Spec) -> System:
    module, judge = Scale(spec.axis_name), Judge()
    score = lambda params, x: judge.apply({"params": params["critic"]}, x)

    def generate(params, context, draws):
        own = {"params": params["generator"], **context.model_state["generator"]}
        return module.apply(own, draws, True, mutable=["batch_stats"])

    def warm_up(params, context, batch, draws):
        fake, changed = generate(params, context, batch["image"] + 0.1 * draws)
        loss = jnp.mean(jnp.square(fake - batch["image"]))
        return loss, Report({"generator/reconstruction": loss}, {"generator": changed})

    def critic(params, context, batch, draws):
        fake, _ = generate(params, context, draws)
        real, made = score(params, batch["image"]), score(params, fake)
        loss = jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(made))
        between = jnp.mean(real - made)
        if spec.axis_name is not None:
            between = jax.lax.pmean(between, spec.axis_name)
        gap = 0.9 * context.memory["gap"] + 0.1 * between
        return loss, Report({"critic/loss": loss}, {}, {"gap": gap})

    def generator(params, context, batch, draws):
        fake, changed = generate(params, context, draws)
        loss = jnp.mean(jax.nn.softplus(-score(params, fake)))
        return loss, Report({"generator/loss": loss}, {"generator": changed})

    draw = lambda key, example: jax.random.normal(key, example["image"].shape)
    adam = lambda: optax.adam(config.rate)
    both = Objective(
        draw, (Phase(("critic",), critic), Phase(("generator",), generator)), lambda: {"gap": jnp.zeros(())}
    )
    first = spec.steps // 3
    stages = (
        Stage("warm-up", first, Objective(draw, (Phase(("generator",), warm_up),)), {"generator": adam()}),
        Stage("rivals", spec.steps - first, both, {"generator": adam(), "critic": adam()}),
    )
    players = {
        "generator": Player(module, lambda y: (y["image"],), ema=0.9), "critic": Player(judge, lambda y: (y["image"],))
    }  # fmt: skip
    return System(lambda variables, y, keys: y["image"], players, stages)
