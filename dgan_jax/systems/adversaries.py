"""How plain GANs become systems: their two networks as functions, Adam for both, and what they lend to solvers."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from dgan_jax.core import checks
from dgan_jax.core.parts import Generator, Measurement, Objective, Player, Spec, Stage, System
from dgan_jax.objectives.gan import Networks, Pace


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What the Configs have in common. Defaults are DCGAN's training."""

    n_critic: int = 1
    """Updates of the critic for one of the generator."""
    critic_parts: int = 0
    """Parts that a batch is cut into for the critic's updates, at least `n_critic`; 0: as many."""
    generator_parts: int = 1
    """Parts that a batch is cut into for the generator, which takes one."""
    learning_rate_generator: float = 2e-4
    learning_rate_critic: float = 2e-4
    decay: bool = False
    """Let the learning rates fall to 0, linearly."""
    beta1: float = 0.5
    beta2: float = 0.999
    ema: float = 0.0

    def __post_init__(self) -> None:
        pace_of(self)
        checks.decay(self)


def pace_of(config: Options, batch: int = 0) -> Pace:
    """How a batch is shared out; a ValueError where it cannot be."""
    pace = Pace(config.n_critic, config.critic_parts, config.generator_parts)
    pace.check(batch)
    return pace


def side_of(spec: Spec, side: int, what: str) -> None:
    """A ValueError where a generator of one size is asked for another."""
    if (spec.height, spec.width) != (side, side):
        raise ValueError(
            f"this generator draws images of {side}x{side}, got {spec.height}x{spec.width}; "
            f"try --data.size {side}, or another {what}"
        )


def applied(
    module: nn.Module, changing: tuple[str, ...], params: Any, state: Any, *given: Any
) -> tuple[jax.Array, Any]:
    """What a module makes of its arguments, and its model state, of which the collections `changing` are new."""
    if not changing:
        return cast(jax.Array, module.apply({"params": params, **state}, *given)), state
    out, changed = module.apply({"params": params, **state}, *given, mutable=list(changing))
    return out, {**state, **changed}


def functions(
    generator: nn.Module, critic: nn.Module, latent: int, *, generator_state: tuple[str, ...],
    critic_state: tuple[str, ...], label: Callable[[Measurement], tuple] = lambda y: (),
) -> Networks:  # fmt: skip
    """Modules called (x, *label(y), train) whose `..._state` collections change when they train."""

    def run(module: nn.Module, changing: tuple[str, ...]) -> Callable[..., tuple[jax.Array, Any]]:
        def apply(params: Any, state: Any, x: jax.Array, y: Measurement, train: bool) -> tuple[jax.Array, Any]:
            given = (x, *label(y), train)
            return applied(module, changing if train else (), params, state, *given)

        return apply

    draw, look_at = run(generator, generator_state), run(critic, critic_state)

    def judge(params: Any, state: Any, x: jax.Array, y: Measurement, look: Any, train: bool) -> tuple[jax.Array, Any]:
        del look
        return look_at(params, state, x, y, train)

    return Networks(draw, judge, latent)


def adam(config: Options, rate: float, updates: int) -> optax.GradientTransformation:
    """Adam at a constant rate, or with `decay` at one that falls to 0 with the last of `updates`."""
    schedule = optax.linear_schedule(rate, 0.0, updates) if config.decay else rate
    return optax.adam(schedule, b1=config.beta1, b2=config.beta2, eps=1e-8)


def optimizers(config: Options, spec: Spec) -> dict[str, optax.GradientTransformation]:
    """Adam for both players; the critic's counts its own updates."""
    return {
        "critic": adam(config, config.learning_rate_critic, spec.steps * config.n_critic),
        "generator": adam(config, config.learning_rate_generator, spec.steps),
    }


def players(
    generator: nn.Module, critic: nn.Module, latent: int, ema: float | optax.Schedule
) -> dict[str, Player]:  # fmt: skip
    """Both, where neither is told more than a latent or an image; the generator is averaged."""
    return {
        "generator": Player(generator, lambda y: (jnp.zeros((len(y["image"]), latent)),), ema),
        "critic": Player(critic, lambda y: (y["image"],)),
    }


def assembled(
    networks: Networks, objective: Objective, trained: Mapping[str, optax.GradientTransformation], spec: Spec,
    played: Mapping[str, Player], check: Callable[[], object] = lambda: None,
) -> System:  # fmt: skip
    """A system of players "generator" and "critic" with one stage; images are drawn in evaluation mode."""

    def draw(key: jax.Array, y: Measurement) -> jax.Array:
        del y
        return networks.draw_latent(key, (networks.latent,))

    def generate(variables: dict[str, Any], z: jax.Array, y: Measurement) -> jax.Array:
        state = variables["model_state"]["generator"]
        return jnp.clip(networks.generate(variables["params"]["generator"], state, z, y, False)[0], -1, 1)

    def judge(variables: dict[str, Any], image: jax.Array, y: Measurement) -> jax.Array:
        # An evaluation is one without chance: no augmentation.
        state = variables["model_state"]["critic"]
        return networks.judge(variables["params"]["critic"], state, image, y, None, False)[0]

    def restore(variables: dict[str, Any], y: Measurement, keys: jax.Array) -> jax.Array:
        return generate(variables, jax.vmap(lambda key: draw(key, {}))(keys), y)

    stage = Stage("adversarial", spec.steps, objective, trained, check=check)
    lent = Generator(draw, generate, judge)
    return System(restore, played, (stage,), side=spec.height, calls=1, draws=True, prior=lent)
