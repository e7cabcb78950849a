"""What every walk down a denoising chain needs: where it begins, what it draws, whom it asks, and the image at its end.

One key an example: the start, the draws and what a network draws itself are functions of it and of the step's number,
made when they are needed.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax.core import noise
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Denoiser, Measurement, Space, Task
from dgan_jax.process.gaussian import Chain, through
from dgan_jax.process.schedules import STEPS
from dgan_jax.samplers.known import Known, Spectral, in_codes, known_of

START, DRAWN, ASKED = range(3)
"""Streams of an example's key."""


def folded(keys: jax.Array, number: jax.Array | int) -> jax.Array:
    """[B] keys -> [B] keys, other ones for each number."""
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)


@dataclasses.dataclass(frozen=True)
class Walk:
    """A walk for one measurement; x is a code of the prior's space throughout."""

    prior: Denoiser
    variables: dict[str, Any]
    y: Measurement
    keys: jax.Array
    space: Space
    shape: tuple[int, ...]

    def draw(self, stream: int, number: jax.Array | int) -> jax.Array:
        """[B, h, w, c], standard normal."""
        keys = folded(folded(self.keys, stream), number)
        return noise.normals(keys, self.shape, noise.places(self.y, self.shape[0]))

    @property
    def start(self) -> jax.Array:
        """The noisiest state, of nothing but noise; in units of 1 unless the process ends elsewhere."""
        return self.draw(START, 0) * jnp.asarray(self.prior.process.noise)[-1]

    def noise(self, number: jax.Array) -> jax.Array:
        return self.draw(DRAWN, number)

    def predict(self, x: jax.Array, t: jax.Array, number: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """What the prior says of x at t; what its network draws depends on the call's number."""
        return self.prior.predict(self.variables, x, t, self.y, folded(folded(self.keys, ASKED), number))

    def limit(self, x0: jax.Array) -> jax.Array:
        """A predicted x0 with the values of an image."""
        return self.space.encode(jnp.clip(self.space.decode(x0), -1, 1))

    def image(self, x: jax.Array, task: Task | None = None) -> jax.Array:
        """The image at the end, [B, H, W, C] in [-1, 1], with what is known exactly put back."""
        image = jnp.clip(self.space.decode(x), -1, 1)
        return image if task is None else jnp.clip(task.project(image, self.y), -1, 1)


def walk(prior: Denoiser, variables: dict[str, Any], y: Measurement, keys: jax.Array) -> Walk:
    """A walk from one key an example [B]."""
    space = prior.space(variables)
    shape = jax.eval_shape(space.encode, y["image"]).shape[1:]
    return Walk(prior, variables, y, keys, space, tuple(shape))


def known_in(task: Task, y: Measurement, space: Space) -> Known:
    """What a linear task's measurement tells of the codes."""
    if not isinstance(task, Spectral):
        raise ValueError("this solver is for damage that is linear and known: holes, enlarging, noise, a known blur")
    if getattr(task, "known", True) is False:
        raise ValueError("this solver needs to know the blur; take --task.known True and give the kernel")
    return in_codes(known_of(task, y), space, y["image"].shape[-1])


def chain_of(prior: Denoiser, wanted: int, default: int, spacing: str, *, variance: str = "small") -> Chain:
    """`wanted` of the prior's steps (0: `default`, or all where it has fewer), chosen as `spacing` says."""
    steps = prior.process.steps
    times = lookup("spacing of steps", spacing, STEPS)(steps, wanted or min(default, steps))
    return through(prior.process, times, variance=variance)
