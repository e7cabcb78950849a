"""Damage of one's own: pairs of a good and a damaged picture, whatever has happened to the latter."""

import dataclasses

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Example, Measurement, Task
from dgan_jax.ops import resize


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paired(Task):
    """The damaged picture comes with the good one (`data.damaged`), and nothing is known of how it came about.

    A measurement holds `image`, the damaged picture, which is the first estimate, too. Where it is smaller, that is it
    enlarged (bicubic), and `low` is the picture itself.
    """

    scale: int = 1
    """How many times wider and higher the good pictures are, a whole number."""

    def __post_init__(self) -> None:
        if self.scale < 1:
            raise ValueError(f"task.scale must be a whole number from 1, got {self.scale}")

    def damage(self, key: jax.Array, example: Example) -> Example:
        """example["damaged"]: [H, W, C], each pixel of a smaller picture repeated `scale` times."""
        del key
        if "damaged" not in example:
            raise ValueError(
                "the task 'paired' needs pairs; give the damaged pictures with --data.damaged FOLDER (dgan evaluate: "
                "--damaged), of the same names as the good ones"
            )
        return {"image": example["damaged"][:: self.scale, :: self.scale]}

    def observe(self, example: Example) -> Measurement:
        image = example["image"]
        if self.scale == 1:
            return {"image": image}
        return {"image": jnp.clip(resize.enlarge(image, self.scale), -1, 1), "low": image}

    def condition(self, y: Measurement) -> jax.Array:
        """The damaged picture: [B, H, W, C]."""
        return y["image"]

    def start(self, y: Measurement) -> jax.Array:
        return y["image"]


TASK = Paired
