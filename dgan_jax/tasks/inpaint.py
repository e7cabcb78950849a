"""Inpainting: pixels inside a hole are missing, all others are known exactly."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Example, Measurement
from dgan_jax.ops import completion_fill, prefill
from dgan_jax.tasks import holes

FILLS = {
    "none": lambda image, hole: image,
    "pull_push": prefill.pull_push,
    "harmonic": prefill.harmonic,
    "biharmonic": prefill.biharmonic,
    "spline": prefill.spline,
    "coherent": prefill.coherent,
    "completion": completion_fill.completion,
    "completion_mean": completion_fill.completion_mean,
}


LEAST_CONTRAST = 0.002
"""A quarter of a level of 255: where nothing varies, something still may."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inpaint:
    """Holes drawn by the sampler named `hole`; a hole that comes with the example is used instead.

    A measurement holds `image` (zero, mid grey, in the hole), `hole`, `fill`: the image, its hole filled cheaply, and
    `contrast`: how far the fill may be wrong, from the deviation of known pixels around.
    """

    hole: str = "brush"
    """Hole sampler: see dgan data holes, or folder:PATH for mask files."""
    fill: str = "coherent"
    """Fill that the network sees and starts from: none, pull_push, harmonic, biharmonic, spline or coherent, which are
    cheap; completion or completion_mean, which copy patches and take seconds on the host."""

    def __post_init__(self) -> None:
        holes.named(self.hole)
        lookup("fill", self.fill, FILLS)

    @property
    def accepts(self) -> tuple[str, ...]:
        return ("hole",)

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        return {}

    def measure(self, key: jax.Array, example: Example) -> Measurement:
        """Holes differ between examples. example["image"]: [H, W, C]."""
        hole = example["hole"] if "hole" in example else holes.named(self.hole)(key, *example["image"].shape[:2])
        return self.observe({**example, "hole": hole})

    def observe(self, example: Example) -> Measurement:
        """What the image holds inside its hole is ignored."""
        if "hole" not in example:
            raise ValueError(
                "inpainting needs a hole, the mask of the missing pixels; give --hole MASK, white = missing"
            )
        image, hole = example["image"], example["hole"]
        known = image * (1 - hole)
        fill = FILLS[self.fill](known[None], hole[None])[0]
        contrast = LEAST_CONTRAST + prefill.contrast(known[None], hole[None])[0]
        return {"image": known, "hole": hole, "fill": fill, "contrast": contrast}

    def condition(self, y: Measurement) -> jax.Array:
        """The filled image and the hole: [B, H, W, C + 1]."""
        return jnp.concatenate([y["fill"], y["hole"]], axis=-1)

    def start(self, y: Measurement) -> jax.Array:
        return y["fill"]

    def project(self, x0: jax.Array, y: Measurement) -> jax.Array:
        """Known pixels are put back bit for bit."""
        return jnp.where(y["hole"] > 0, x0, y["image"])

    def strengths(self, y: Measurement) -> Mapping[str, jax.Array]:
        """A hole says for itself where it is."""
        del y
        return {}

    def values(self, y: Measurement) -> jax.Array:
        return y["image"]

    def apply(self, x: jax.Array, y: Measurement) -> jax.Array:
        return x * (1 - y["hole"])

    def pseudo_inverse(self, values: jax.Array, y: Measurement) -> jax.Array:
        return values * (1 - y["hole"])

    @property
    def exact(self) -> bool:
        """What is known is known without noise."""
        return True

    def deviation(self, y: Measurement) -> jax.Array:
        """Known pixels are exact."""
        return jnp.zeros((y["image"].shape[0], 1, 1, 1))

    def weigh(self, weights: Callable[[jax.Array], jax.Array], x: jax.Array, y: Measurement) -> jax.Array:
        """Singular values are 1 where a pixel is known, 0 in the hole."""
        return weights(1 - y["hole"]) * x


TASK = Inpaint
