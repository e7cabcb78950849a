"""Inpainting: pixels inside a hole are missing, all others are known exactly."""

import dataclasses

import jax
import jax.numpy as jnp

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Example, Measurement
from dgan_jax.ops import prefill
from dgan_jax.tasks import holes

FILLS = {
    "none": lambda image, hole: image,
    "pull_push": prefill.pull_push,
    "harmonic": prefill.harmonic,
    "biharmonic": prefill.biharmonic,
    "spline": prefill.spline,
    "coherent": prefill.coherent,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inpaint:
    """Holes drawn by the sampler named `hole`; a hole that comes with the example is used instead.

    A measurement holds `image` (zero, mid grey, in the hole), `hole`, and `fill`: the image with the hole filled cheaply.
    """

    hole: str = "brush"
    """Hole sampler: see dgan data holes, or folder:PATH for mask files."""
    fill: str = "coherent"
    """Cheap fill that the network sees and starts from: none, pull_push, harmonic, biharmonic, spline or coherent."""

    def __post_init__(self) -> None:
        holes.named(self.hole)
        lookup("fill", self.fill, FILLS)

    def measure(self, key: jax.Array, example: Example) -> Measurement:
        """Holes differ between examples. example["image"]: [H, W, C]."""
        image = example["image"]
        hole = example["hole"] if "hole" in example else holes.named(self.hole)(key, *image.shape[:2])
        known = image * (1 - hole)
        fill = FILLS[self.fill](known[None], hole[None])[0]
        return {"image": known, "hole": hole, "fill": fill}

    def condition(self, y: Measurement) -> jax.Array:
        """The filled image and the hole: [B, H, W, C + 1]."""
        return jnp.concatenate([y["fill"], y["hole"]], axis=-1)

    def start(self, y: Measurement) -> jax.Array:
        return y["fill"]

    def project(self, x0: jax.Array, y: Measurement) -> jax.Array:
        """Known pixels are put back bit for bit."""
        return jnp.where(y["hole"] > 0, x0, y["image"])


TASK = Inpaint
