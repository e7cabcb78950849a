"""Generation: nothing is measured but a shape and, where there are classes, a label."""

import dataclasses

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Example, Measurement, Task


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generate(Task):
    """Images from nothing. With `classes` the label is known and enters as one plane per class."""

    classes: int = 0
    """Number of classes to condition on; 0 is unconditional."""

    def __post_init__(self) -> None:
        if self.classes < 0:
            raise ValueError(f"task.classes must be 0 (unconditional) or a number of classes, got {self.classes}")

    def damage(self, key: jax.Array, example: Example) -> Example:
        del key
        return example

    def observe(self, example: Example) -> Measurement:
        """Nothing of an image is looked at but its shape."""
        y = {"image": jnp.zeros_like(example["image"])}
        if self.classes:
            y["label"] = example["label"]
        return y

    def condition(self, y: Measurement) -> jax.Array:
        shape = (*y["image"].shape[:3], self.classes)
        if not self.classes:
            return jnp.zeros(shape)
        return jnp.broadcast_to(jax.nn.one_hot(y["label"], self.classes)[:, None, None, :], shape)

    def start(self, y: Measurement) -> jax.Array:
        return y["image"]


TASK = Generate
