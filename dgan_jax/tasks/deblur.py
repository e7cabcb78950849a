"""Deblurring: out of focus (a Gaussian) or moved (a line), with a kernel drawn for each image."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core.names import unknown
from dgan_jax.core.parts import Example, Measurement, Task
from dgan_jax.ops import filters
from dgan_jax.tasks import levels
from dgan_jax.tasks.denoise import white

KINDS = ("gaussian", "motion", "either")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deblur(Task):
    """A blurred image, and with `known` its kernel, by which a regularised least-squares answer is then the start.

    A measurement holds `image`, `start` and, if known, `kernel` [size, size]. A blur leaves no pixel untouched, and
    inverting it would raise rounding to noise: `project` puts nothing back.
    """

    kind: str = "either"
    """gaussian, motion, or either."""
    size: int = 21
    """Side of the kernels, odd."""
    sigma: tuple[float, float] = (0.6, 3.0)
    """Standard deviation of Gaussian kernels in pixels, drawn for each of two axes at any angle."""
    length: tuple[float, float] = (3.0, 15.0)
    """Length of motion kernels in pixels, at any angle."""
    noise: float = 0.0
    """Standard deviation of white noise on the blurred image, in grey levels of 255."""
    known: bool = False
    """The kernel comes with the image."""
    steps: int = 10
    """Conjugate-gradient steps of the least-squares answer: fewer are smoother."""
    eight_bit: bool = True
    """Round the blurred image to 8 bits, as a file does."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("blur", self.kind, KINDS)
        if self.size < 3 or self.size % 2 == 0:
            raise ValueError(f"task.size must be an odd number from 3, got {self.size}")
        if self.kind != "motion":
            levels.check("sigma", self.sigma, 0.05, self.size)
        if self.kind != "gaussian":
            levels.check("length", self.length, 1, self.size)
        if not 0 <= self.noise <= 255 or self.steps < 1:
            raise ValueError(
                f"task.noise must be in [0, 255] and task.steps at least 1, got {self.noise} and {self.steps}"
            )

    @property
    def accepts(self) -> tuple[str, ...]:
        return ("kernel",) if self.known else ()

    def kernel(self, key: jax.Array) -> jax.Array:
        """A kernel of the range, [size, size]."""
        which, *keys = jax.random.split(key, 5)
        wide, narrow = levels.draw(keys[0], self.sigma), levels.draw(keys[1], self.sigma)
        angle = jax.random.uniform(keys[2], maxval=np.pi)
        blur = filters.gaussian(self.size, wide, narrow, angle)
        moved = filters.motion(self.size, levels.draw(keys[3], self.length), angle)
        chance = {"gaussian": 0.0, "motion": 1.0, "either": 0.5}[self.kind]
        return jnp.where(jax.random.bernoulli(which, chance), moved, blur)

    def damage(self, key: jax.Array, example: Example) -> Example:
        shape, own = jax.random.split(key)
        kernel = example["kernel"] if "kernel" in example else self.kernel(shape)
        blurred = white(own, filters.filter2d(example["image"], kernel), jnp.asarray(self.noise))
        return {**example, "image": levels.eight_bit(blurred) if self.eight_bit else blurred, "kernel": kernel}

    def observe(self, example: Example) -> Measurement:
        image = example["image"]
        if not self.known:
            return {"image": image, "start": image}
        if "kernel" not in example:
            raise ValueError("the kernel of the photograph is not known; give it: --kernel FILE")
        y = {"image": image[None], "kernel": example["kernel"][None]}
        # From the blurred image on: from zero, as many steps end below it.
        start = y["image"] + self.pseudo_inverse(y["image"] - self.apply(y["image"], y), y)
        return {"image": image, "kernel": example["kernel"], "start": jnp.clip(start[0], -1, 1)}

    def condition(self, y: Measurement) -> jax.Array:
        """The blurred image and, if the kernel is known, the least-squares answer: [B, H, W, C or 2 C]."""
        return jnp.concatenate([y["image"], y["start"]], axis=-1) if self.known else y["image"]

    def start(self, y: Measurement) -> jax.Array:
        return y["start"]

    def strengths(self, y: Measurement) -> Mapping[str, jax.Array]:
        """Kernels of both kinds differ in more than one number."""
        del y
        kinds = {"gaussian": ("blur",), "motion": ("motion",), "either": ("blur", "motion")}[self.kind]
        return dict.fromkeys(kinds, jnp.asarray(levels.UNKNOWN))

    def values(self, y: Measurement) -> jax.Array:
        return y["image"]

    def apply(self, x: jax.Array, y: Measurement) -> jax.Array:
        """Needs a kernel that is known."""
        return jax.vmap(filters.filter2d)(x, y["kernel"])

    def pseudo_inverse(self, values: jax.Array, y: Measurement) -> jax.Array:
        """Regularised: `steps` of conjugate gradients."""

        def one(blurred: jax.Array, kernel: jax.Array) -> jax.Array:
            return filters.least_squares(lambda x: filters.filter2d(x, kernel), blurred, steps=self.steps)

        return jax.vmap(one)(values, y["kernel"])

    @property
    def exact(self) -> bool:
        """Inverting a blur, even rounding matters."""
        return False

    def deviation(self, y: Measurement) -> jax.Array:
        """Of the noise, or at least of rounding to 8 bits."""
        least = levels.ROUNDING if self.eight_bit else 0.0
        return jnp.full((y["image"].shape[0], 1, 1, 1), np.hypot(self.noise / 127.5, least))

    def weigh(self, weights: Callable[[jax.Array], jax.Array], x: jax.Array, y: Measurement) -> jax.Array:
        """By frequency: exact for kernels that mirror themselves (`filters.filter2d_weighed`)."""
        return filters.filter2d_weighed(weights, x, y["kernel"])


TASK = Deblur
