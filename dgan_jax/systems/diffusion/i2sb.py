"""I2SB: a Schroedinger bridge from a damaged image to the clean one, crossed in few or many steps.

Liu, Vahdat, Huang, Theodorou, Nie, Anandkumar, "I2SB: Image-to-Image Schroedinger Bridge", ICML 2023, arXiv 2302.05872.

The network says how far the state is from the clean image, in units of the noise gathered since (equation 12). The
bridge ends at the task's first estimate. Known pixels are put back at every step. Without noise (`transport`) it is
the limit of optimal transport, which the authors use for blur and holes.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core import checks
from dgan_jax.core.parts import Context, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.objectives.conditional import Draws, denoising
from dgan_jax.objectives.errors import mean_squared
from dgan_jax.process import bridge
from dgan_jax.samplers import posterior
from dgan_jax.systems import conditional

PAPER = "Liu et al. 2023, arXiv 2302.05872"
TASKS = conditional.TASKS
WHEN_RESTORING = ("restore_steps",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(conditional.UNet):
    """Defaults are the published values for enlarging and JPEG; beta_max 1 and transport for blur and holes."""

    steps: int = 1000
    """States of the bridge."""
    restore_steps: int = 0
    """Network calls of a restoration; 0: one fewer than there are states."""
    beta_max: float = 0.3
    """How much noise the bridge has in its middle."""
    first_time: float = 1e-4
    """The network is told times from `steps` times this to `steps`, evenly."""
    transport: bool = False
    """The limit without noise; another key gives the same image then."""
    see_condition: bool = False
    """Show the network, beside the state, what the task shows conditional networks."""
    learning_rate: float = 5e-5
    ema: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least_one(self, "steps")
        bridge.evenly(self.steps, self.calls)
        bridge.bridge_betas(self.steps, beta_max=self.beta_max)
        if not 0 <= self.first_time < 1:
            raise ValueError(f"system.first_time must be in [0, 1), got {self.first_time}")

    @property
    def calls(self) -> int:
        """Network calls of a restoration."""
        return self.restore_steps or self.steps - 1


def build(config: Config, task: Task, spec: Spec) -> System:
    """The U-Net "denoiser", which is averaged."""
    betas = bridge.bridge_betas(config.steps, beta_max=config.beta_max)
    whole = bridge.bridge(betas, np.arange(config.steps), clean=False, noisy=not config.transport)
    states = bridge.evenly(config.steps, config.calls)
    short = bridge.bridge(betas, states, clean=False, noisy=not config.transport)
    network = conditional.unet_of(config, spec.height, spec.channels)
    times = (np.linspace(config.first_time, 1.0, config.steps) * config.steps).astype(np.float32)

    def seen(x: jax.Array, y: Measurement) -> jax.Array:
        return jnp.concatenate([x, task.condition(y)], axis=-1) if config.see_condition else x

    def direction(
        params: Any, x: jax.Array, state: jax.Array, y: Measurement, keys: jax.Array | None = None
    ) -> jax.Array:
        return conditional.says(network, params, (seen(x, y), jnp.asarray(times)[state]), keys)

    def loss(
        params: dict, context: Context, image: jax.Array, y: Measurement, draws: Draws
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        del context
        x = bridge.diffuse(whole, image, draws.t, draws.noise, task.start(y))
        said = direction(params["denoiser"], x, draws.t, y, draws.key)
        error = mean_squared(said, bridge.direction(whole, x, image, draws.t))
        return error, {"error": error}

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        params = variables["params"]["denoiser"]

        def predict(x: jax.Array, t: jax.Array) -> jax.Array:
            state = jnp.asarray(states)[t + 1]
            x0 = bridge.clean_image(whole, x, direction(params, x, state, y), state)
            return task.project(jnp.clip(x0, -1, 1), y)

        noise = conditional.draws(y, keys, y["image"].shape[1:])
        step = lambda *given: bridge.posterior_sample(short, *given)
        image = posterior.sample(predict, step, short.steps, task.start(y), noise)
        return conditional.finished(task, y, image)

    def inputs(y: Measurement) -> tuple:
        return seen(y["image"], y), jnp.zeros(y["image"].shape[0])

    objective = denoising(loss=loss, measure=task.measure, shape=lambda image: image, times=(0, config.steps - 1))
    stage = Stage("denoising", spec.steps, objective, {"denoiser": conditional.optimizer_of(config, spec.steps)})
    return System(
        restore, {"denoiser": Player(network, inputs, config.ema)}, (stage,),
        multiple=2 ** (len(config.multipliers) - 1), calls=short.steps, draws=not config.transport,
    )  # fmt: skip
