"""How denoising diffusion-GANs are trained: by regression alone for a while, if so configured, then by the critic."""

from typing import Protocol

import optax

from dgan_jax.core.parts import Objective, Spec, Stage
from dgan_jax.core.rates import cosine_per_epoch


class Options(Protocol):
    """What a system's Config tells of its training."""

    @property
    def regression_share(self) -> float: ...
    @property
    def learning_rate_generator(self) -> float: ...
    @property
    def learning_rate_critic(self) -> float: ...
    @property
    def learning_rate_end(self) -> float: ...
    @property
    def beta1(self) -> float: ...
    @property
    def beta2(self) -> float: ...


def regression_then_adversary(
    config: Options, spec: Spec, adversarial: Objective, alone: Objective | None
) -> tuple[Stage, ...]:
    """`alone` trains "generator" for `regression_share` of the steps, `adversarial` both it and "critic" for the rest.

    Each stage runs through its own cosine. `alone` is needed only if it has a share.
    """
    warm = round(spec.steps * config.regression_share)

    def adam(rate: float, steps: int) -> optax.GradientTransformation:
        schedule = cosine_per_epoch(rate, config.learning_rate_end, steps=steps, epoch=spec.epoch)
        return optax.adam(schedule, b1=config.beta1, b2=config.beta2, eps=1e-8)

    rest = spec.steps - warm
    both = {"critic": adam(config.learning_rate_critic, rest), "generator": adam(config.learning_rate_generator, rest)}
    stages = [Stage("adversarial", rest, adversarial, both)]
    if warm:
        assert alone is not None
        optimizers = {"generator": adam(config.learning_rate_generator, warm)}
        stages.insert(0, Stage("regression", warm, alone, optimizers))
    return tuple(stages)
