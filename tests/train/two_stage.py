"""A made-up system with everything that the core allows for: stages, a frozen player, model state, memory."""

import dataclasses

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from dgan_jax.core.parts import Objective, Phase, Player, Report, Spec, Stage, System, Task

PAPER = "none"
TASKS = ("generate", "inpaint")


class Scale(nn.Module):
    """A network with one kernel, and a running mean of what it sees, on all devices."""

    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        mean = self.variable("batch_stats", "mean", jnp.zeros, x.shape[-1:])
        if train:
            now = x.mean((0, 1, 2))
            if self.axis_name and not self.is_initializing():
                now = jax.lax.pmean(now, self.axis_name)
            mean.value = 0.5 * mean.value + 0.5 * now
        return nn.Conv(x.shape[-1], (3, 3), name="conv")(x - mean.value)


@dataclasses.dataclass(frozen=True)
class Config:
    rate: float = 0.1
    poison: tuple[int, int] = (0, 0)
    """Steps of the second stage whose loss is not a number, if the decoder's bias is beyond `limit`."""
    limit: float = -1.0
    momentum: float = 0.9
    """Of the first stage's averages; what a run must not change."""
    clip: float = 0.0
    """Norm to which gradients are cut; 0 leaves the optimizer without that part."""


def build(config: Config, task: Task, spec: Spec) -> System:
    module = Scale(spec.axis_name)

    def first(params, context, batch, draws):
        own = {"params": params["encoder"], **context.model_state["encoder"]}
        out, changed = module.apply(own, batch["image"] + 0.1 * draws, True, mutable=["batch_stats"])
        seen = context.memory["seen"] + 1
        loss = jnp.mean(jnp.square(out - batch["image"]))
        return loss, Report({"encoder/loss": loss}, {"encoder": changed}, {"seen": seen})

    def second(params, context, batch, draws):
        code = module.apply({"params": params["encoder"], **context.model_state["encoder"]}, batch["image"])
        out = module.apply({"params": params["decoder"], **context.model_state["decoder"]}, code + 0.1 * draws)
        loss = jnp.mean(jnp.square(out - batch["image"]))
        poisoned = (context.step >= config.poison[0]) & (context.step < config.poison[1])
        beyond = jnp.max(jnp.abs(params["decoder"]["conv"]["bias"])) > config.limit
        loss = jnp.where(poisoned & beyond, jnp.nan, 1.0) * loss
        return loss, Report({"decoder/loss": loss, "decoder/step": context.step.astype(jnp.float32)})

    draw = lambda key, example: jax.random.normal(key, example["image"].shape)
    memory = lambda: {"seen": jnp.zeros((), jnp.int32)}
    half = spec.steps // 2
    clip = [optax.clip_by_global_norm(config.clip), optax.trace(0.0)] if config.clip else []
    adam = lambda: optax.chain(*clip, optax.adam(config.rate)) if clip else optax.adam(config.rate)
    stages = (
        Stage(
            "encoder",
            half,
            Objective(draw, (Phase(("encoder",), first),), memory),
            {"encoder": adam()},
        ),
        Stage(
            "decoder",
            spec.steps - half,
            Objective(draw, (Phase(("decoder",), second),)),
            {"decoder": adam()},
        ),
    )
    inputs = lambda y: (y["image"],)
    players = {"encoder": Player(module, inputs), "decoder": Player(module, inputs, ema=0.9)}
    return System(lambda variables, y, keys: y["image"], players, stages)
