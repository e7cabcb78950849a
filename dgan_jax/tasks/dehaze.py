"""Dehazing: light scattered into the picture, more of it the farther things are."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core.parts import Example, Measurement, Task
from dgan_jax.ops import haze
from dgan_jax.tasks import levels

SURVEYED = 1024
"""Side, at most, of what the haze's colour is found in."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dehaze(Task):
    """Haze over a made-up depth, or over `depth` [H, W, 1] if it comes with the example. Defaults: RESIDE, indoor.

    A measurement holds `image` and `start`: what the dark channel prior makes of it. Depth and density are unknown, so
    nothing is known exactly.
    """

    beta: tuple[float, float] = (0.6, 1.8)
    """Density: transmission is exp(-beta depth), with made-up depths between 0.2 and 2."""
    airlight: tuple[float, float] = (0.7, 1.0)
    """Brightness of the haze itself, in [0, 1]."""
    eight_bit: bool = True
    """Round the hazy image to 8 bits, as a file does."""

    def __post_init__(self) -> None:
        levels.check("beta", self.beta, 0, 20)
        levels.check("airlight", self.airlight, 0, 1)

    def damage(self, key: jax.Array, example: Example) -> Example:
        where, *keys = jax.random.split(key, 3)
        image = example["image"]
        depth = example["depth"] if "depth" in example else haze.depth_field(where, *image.shape[:2])
        beta, airlight = levels.draw(keys[0], self.beta), levels.draw(keys[1], self.airlight)
        hazy = haze.scatter(image, depth, beta, 2 * airlight - 1)
        return {"image": levels.eight_bit(hazy) if self.eight_bit else hazy}

    def observe(self, example: Example) -> Measurement:
        image = example["image"]
        start = haze.dark_channel_prior(image / 2 + 0.5, airlight=example.get("airlight"))
        return {"image": image, "start": 2 * start - 1}

    def survey(self, image: np.ndarray, given: Mapping[str, Any]) -> dict[str, Any]:
        """The haze's own colour, [C] in [0, 1], for all windows of a photograph; found in every n-th pixel."""
        del given
        apart = -(-max(image.shape[:2]) // SURVEYED)
        small = levels.bytes_of(image[::apart, ::apart]).astype(np.float32) / 255
        return {"airlight": haze.airlight_of(jnp.asarray(small), patch=max(1, 15 // apart) | 1)}

    def condition(self, y: Measurement) -> jax.Array:
        """The hazy image and the cheap answer: [B, H, W, 2 C]."""
        return jnp.concatenate([y["image"], y["start"]], axis=-1)

    def start(self, y: Measurement) -> jax.Array:
        return y["start"]

    def strengths(self, y: Measurement) -> Mapping[str, jax.Array]:
        del y
        return {"haze": jnp.asarray(levels.UNKNOWN)}


TASK = Dehaze
