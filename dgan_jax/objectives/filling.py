"""The objective of networks that fill holes against a critic, or alone: one step of each, in the published order.

What a network pays for, and what a critic learns, differ from paper to paper: systems hand them in as functions.
"""

from collections.abc import Callable
from typing import Any

import jax

from dgan_jax.core.parts import Context, Example, Measurement, Objective, Phase, Report

Metrics = dict[str, jax.Array]
Generate = Callable[[Any, Any, Measurement], tuple[Any, Any]]
"""(generator parameters, its model state, y) -> (what it makes, its new model state), as it trains."""
Teach = Callable[[dict, Context, Any, jax.Array, Measurement], tuple[jax.Array, Metrics, dict]]
"""(params by player, context, what the generator made, truth, y) -> (the generator's loss, metrics, changed model
states by player)."""
Learn = Callable[[dict, Context, Any, jax.Array, Measurement, Any], tuple[jax.Array, Metrics, dict]]
"""The same of the critic; what the generator made carries no gradient. The last argument is what `draw_look` drew."""


def filling(
    generate: Generate,
    teach: Teach,
    learn: Learn | None = None,
    *,
    measure: Callable[[jax.Array, Example], Measurement],
    critic_first: bool = False,
    draw_look: Callable[[jax.Array], Any] = lambda key: (),
) -> Objective:
    """Players "generator" and, with `learn`, "critic". Each phase makes its own images, in training mode.

    `draw_look(key)` draws for one example what the critic's loss needs beside images.
    """

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        task, look = jax.random.split(key)
        return {"y": measure(task, example), "look": draw_look(look)}

    def make(params: dict, context: Context, y: Measurement) -> tuple[Any, Any]:
        return generate(params["generator"], context.model_state["generator"], y)

    def generator(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        made, state = make(params, context, draws["y"])
        loss, metrics, changed = teach(params, context, made, batch["image"], draws["y"])
        return loss, Report(metrics, {"generator": state, **changed})

    def critic(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        assert learn is not None
        made, state = jax.lax.stop_gradient(make(params, context, draws["y"]))
        loss, metrics, changed = learn(params, context, made, batch["image"], draws["y"], draws["look"])
        return loss, Report(metrics, {"generator": state, **changed})

    phases = [Phase(("generator",), generator)]
    if learn is not None:
        phases.insert(0 if critic_first else 1, Phase(("critic",), critic))
    return Objective(draw, tuple(phases))
