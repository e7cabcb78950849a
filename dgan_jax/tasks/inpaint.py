"""Inpainting: pixels inside a hole are missing, all others are known exactly."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Example, Measurement, Task
from dgan_jax.ops import completion_fill, prefill
from dgan_jax.tasks import holes

FILLS = {
    "none": lambda image, hole, **_: image,
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


def filled(fill: str, known: jax.Array, hole: jax.Array, below: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
    """[H, W, C], its hole filled, and [H, W, 1], how far that may be wrong. `below`, of a window: see `survey`."""
    coarse, noisy = (None, None) if below is None else (below[None, ..., :-1], below[None, ..., -1:])
    answer = FILLS[fill](known[None], hole[None], below=coarse)[0]
    return answer, LEAST_CONTRAST + prefill.contrast(known[None], hole[None], below=noisy)[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inpaint(Task):
    """Holes drawn by the sampler named `hole`; a hole that comes with the example is used instead.

    A measurement holds `image` (zero, mid grey, in the hole), `hole`, `fill`: the image, its hole filled cheaply, and
    `contrast`: how far the fill may be wrong, from the deviation of known pixels around. That of a window of a large
    photograph also holds `below`: what is known of the whole.
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

    def damage(self, key: jax.Array, example: Example) -> Example:
        """Holes differ between examples. example["image"]: [H, W, C]."""
        hole = example["hole"] if "hole" in example else holes.named(self.hole)(key, *example["image"].shape[:2])
        return {**example, "hole": hole}

    def observe(self, example: Example) -> Measurement:
        """What the image holds inside its hole is ignored."""
        if "hole" not in example:
            raise ValueError(
                "inpainting needs a hole, the mask of the missing pixels; give --hole MASK, white = missing"
            )
        image, hole = example["image"], example["hole"]
        known = image * (1 - hole)
        fill, contrast = filled(self.fill, known, hole, example.get("below"))
        told = {"below": example["below"]} if "below" in example else {}
        return {"image": known, "hole": hole, "fill": fill, "contrast": contrast, **told}

    def survey(self, image: np.ndarray, given: Mapping[str, Any]) -> dict[str, Any]:
        """What windows of this photograph must know of the whole: see `prefill.survey`."""
        return {"below": prefill.survey(FILLS[self.fill], image, np.asarray(given["hole"]))}

    def sound(self, given: Mapping[str, Any]) -> np.ndarray:
        """[B] of bool, of examples with a batch axis: whether all but the hole is known exactly."""
        return np.ones(len(given["image"]), bool)

    def condition(self, y: Measurement) -> jax.Array:
        """The filled image and the hole: [B, H, W, C + 1]."""
        return jnp.concatenate([y["fill"], y["hole"]], axis=-1)

    def start(self, y: Measurement) -> jax.Array:
        return y["fill"]

    def project(self, x0: jax.Array, y: Measurement) -> jax.Array:
        """Known pixels are put back bit for bit."""
        return jnp.where(y["hole"] > 0, x0, y["image"])

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
