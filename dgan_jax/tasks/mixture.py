"""Several kinds of damage, one network: each image draws some, done in the order in which a picture meets them."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core.names import lookup, unknown
from dgan_jax.core.parts import Example, Measurement, Task
from dgan_jax.ops import denoise, filters, haze, jpeg, prefill, resize
from dgan_jax.ops.seldom import only_if
from dgan_jax.tasks import holes, levels
from dgan_jax.tasks.denoise import Denoise, photons, white
from dgan_jax.tasks.inpaint import FILLS, Inpaint, filled
from dgan_jax.tasks.jpeg import STRENGTH, Jpeg, compressed
from dgan_jax.tasks.superres import SuperResolution

ORDER = ("haze", "blur", "motion", "low", "noise", "photons", "jpeg", "hole")
"""From the air in front of the lens to the scratch on the print."""


SINGLE = {"inpaint": "hole", "superres": "low", "denoise": "noise", "jpeg": "jpeg"}
"""Task -> the kind of damage that teaches it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixture(Task):
    """Up to `together` of the `kinds` on each image. Sizes stay: `low` is a reduction that was enlarged again.

    A measurement holds `image` (zero in the hole), `filled` (the hole filled), `start` (what the single tasks start
    from, one after the other), `hole`, `contrast` (how far that may be wrong), and `levels` [kinds but hole], each in
    (0, 1], 1 the strongest of its range, or 0 where that damage is absent.
    """

    kinds: tuple[str, ...] = ("haze", "blur", "motion", "low", "noise", "jpeg", "hole")
    """Of haze, blur, motion, low, noise, photons, jpeg, hole."""
    together: int = 1
    """At most this many on one image; how many is drawn, then which."""
    blind: bool = False
    """Only the hole is told, not the levels."""
    haze: tuple[float, float] = (0.6, 1.8)
    """Density of haze (see dehaze)."""
    blur: tuple[float, float] = (0.6, 3.0)
    """Standard deviation of a round Gaussian blur, in pixels."""
    motion: tuple[float, float] = (3.0, 15.0)
    """Length of a motion blur at any angle, in pixels."""
    low: int = 4
    """Factor of the reduction."""
    noise: tuple[float, float] = (5.0, 50.0)
    """Standard deviation of white noise, in grey levels of 255."""
    photons: tuple[float, float] = (5.0, 50.0)
    """Standard deviation of photon noise on white, in grey levels of 255."""
    jpeg: tuple[float, float] = (10.0, 40.0)
    """Quality of the compression."""
    hole: str = "brush"
    """Hole sampler: see dgan data holes, or folder:PATH for mask files."""
    fill: str = "pull_push"
    """Cheap fill of the hole, as in inpaint."""
    size: int = 21
    """Side of blur kernels, odd."""

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in ORDER:
                raise unknown("kind of damage", kind, ORDER)
        if not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f"task.kinds must be different kinds of damage, at least one, got {self.kinds}")
        if not 1 <= self.together <= len(self.kinds):
            raise ValueError(f"task.together must be 1 to the number of kinds ({len(self.kinds)}), got {self.together}")
        if self.size < 3 or self.size % 2 == 0:
            raise ValueError(f"task.size must be an odd number from 3, got {self.size}")
        if self.low < 2:
            raise ValueError(f"task.low must be at least 2, got {self.low}")
        bounds = {
            "haze": (0.01, 20), "blur": (0.05, self.size), "motion": (1, self.size),
            "noise": (0.1, 255), "photons": (0.1, 255), "jpeg": (1, 99),
        }  # fmt: skip
        for name in bounds.keys() & set(self.kinds):
            levels.check(name, getattr(self, name), *bounds[name])
        holes.named(self.hole)
        lookup("fill", self.fill, FILLS)

    @property
    def accepts(self) -> tuple[str, ...]:
        return ("hole",) if "hole" in self.kinds else ()

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        return {} if self.blind else {kind: self.range_of(kind) for kind in self.graded}

    @property
    def graded(self) -> tuple[str, ...]:
        """The kinds that have a level, in order: all but the hole."""
        return tuple(kind for kind in ORDER if kind in self.kinds and kind != "hole")

    def range_of(self, kind: str) -> levels.Range:
        return (float(self.low),) * 2 if kind == "low" else getattr(self, kind)

    def strength(self, kind: str, level: jax.Array) -> jax.Array:
        """In (0, 1] for levels of the range."""
        low, high = self.range_of(kind)
        return (100 - level) / (100 - low) if kind == "jpeg" else level / high

    def inflict(self, kind: str, key: jax.Array, image: jax.Array, level: jax.Array) -> jax.Array:
        """One kind of damage, [H, W, C] -> [H, W, C]."""
        height, width = image.shape[:2]
        if kind == "haze":
            light, where = jax.random.split(key)
            airlight = jax.random.uniform(light, minval=0.4, maxval=1.0)  # 0.7 to 1 in [0, 1]
            return haze.scatter(image, haze.depth_field(where, height, width), level, airlight)
        if kind == "blur":
            return filters.filter2d(image, filters.gaussian(self.size, level))
        if kind == "motion":
            angle = jax.random.uniform(key, maxval=np.pi)
            return filters.filter2d(image, filters.motion(self.size, level, angle))
        if kind == "low":
            return resize.enlarge(resize.reduce(image, self.low), self.low)[:height, :width]
        if kind == "jpeg":
            return compressed(image, jnp.round(level))
        return {"noise": white, "photons": photons}[kind](key, image, level)

    def damage(self, key: jax.Array, example: Example) -> Example:
        which, count, rest = jax.random.split(key, 3)
        kinds = [kind for kind in ORDER if kind in self.kinds]
        chance = jax.random.uniform(which, (len(kinds),))
        present = jnp.argsort(jnp.argsort(chance)) < jax.random.randint(count, (), 1, self.together + 1)
        image, told = example["image"], {}
        for i, kind in enumerate(kinds):
            strong, own = jax.random.split(jax.random.fold_in(rest, ORDER.index(kind)))
            if kind == "hole":
                hole = example["hole"] if "hole" in example else holes.named(self.hole)(own, *image.shape[:2])
                told["hole"] = hole * present[i]
            else:
                level = levels.draw(strong, self.range_of(kind))
                image = jnp.where(present[i], self.inflict(kind, own, image, level), image)
                told[kind] = jnp.where(present[i], level, 0.0)
        return {"image": levels.eight_bit(image), **told}

    def observe(self, example: Example) -> Measurement:
        """A level that is missing, or 0, says that this kind of damage is absent; a missing hole is an empty one."""
        image = example["image"]
        hole = example["hole"] if "hole" in example else jnp.zeros((*image.shape[:2], 1))
        known = image * (1 - hole)
        values = {kind: levels.told(example, kind, 0.0) for kind in self.graded}
        strengths = [jnp.where(level > 0, self.strength(kind, level), 0.0) for kind, level in values.items()]

        def fill(given: tuple) -> tuple[jax.Array, jax.Array]:
            # A hole's fill is wrong by what varies around it; elsewhere by about as much in any picture.
            answer, around = filled(self.fill, *given)
            return answer, jnp.where(given[1] > 0, around, levels.COMMON_CONTRAST)

        below = [example["below"]] if "below" in example else []
        whole = lambda given: (given[0], jnp.full_like(given[1], levels.COMMON_CONTRAST))
        complete, contrast = only_if(jnp.any(hole > 0), fill, whole, (known, hole, *below))
        start = complete if self.blind else self.undo(complete, values)
        strong = jnp.asarray(strengths, jnp.float32)
        return {
            "image": known, "hole": hole, "filled": complete, "start": start, "contrast": contrast, "levels": strong,
        }  # fmt: skip

    def survey(self, image: np.ndarray, given: Mapping[str, Any]) -> dict[str, Any]:
        """As of `inpaint`, if there is a hole."""
        return {"below": prefill.survey(FILLS[self.fill], image, np.asarray(given["hole"]))} if "hole" in given else {}

    def sound(self, given: Mapping[str, Any]) -> np.ndarray:
        """[B] of bool, of examples with a batch axis: whether nothing but a hole is wrong with them."""
        damaged = np.zeros(len(given["image"]), bool)
        for kind in self.graded:
            damaged |= self.blind | (np.asarray(given.get(kind, 0.0)) > 0)
        return ~damaged

    def undo(self, image: jax.Array, values: Mapping[str, jax.Array]) -> jax.Array:
        """What the single tasks start from, for the kinds that have such a thing, last damage first: [H, W, C]."""
        shakes = {"noise": lambda sigma: sigma, "jpeg": lambda quality: STRENGTH * jpeg.factor(quality)}
        noise = [jnp.where(values[kind] > 0, of(values[kind]), 0.0) for kind, of in shakes.items() if kind in values]
        if noise:
            sigma = jnp.sqrt(sum(jnp.square(each) for each in noise)) / 127.5
            cleaned = lambda given: jnp.clip(denoise.dct_threshold(*given), -1, 1)
            image = only_if(sigma > 0, cleaned, lambda given: given[0], (image, sigma))
        if "low" in values and not any(side % self.low for side in image.shape[:2]):
            missing = resize.undo_enlarge(image, self.low) - resize.reduce(image, self.low)
            agreeing = image + resize.reduce_pseudo_inverse(missing, self.low)
            image = jnp.where(values["low"] > 0, agreeing, image)
        return image

    @property
    def singles(self) -> tuple[str, ...]:
        """Names of the tasks of its kinds."""
        return tuple(task for task, kind in SINGLE.items() if kind in self.kinds)

    def single(self, name: str) -> Task:
        """The task of one kind of damage, in the ranges of this mixture; a ValueError if that is not among `kinds`."""
        blind = self.blind
        made: dict[str, Callable[[], Task]] = {
            "inpaint": lambda: Inpaint(hole=self.hole, fill=self.fill),
            "superres": lambda: SuperResolution(scale=self.low),
            "denoise": lambda: Denoise(sigma=self.noise, blind=blind),
            "jpeg": lambda: Jpeg(quality=self.jpeg, blind=blind),
        }
        if name not in self.singles:
            known = ", ".join(["mixture", *self.singles])
            raise ValueError(f"this mixture taught no task {name!r}; choose from: {known}")
        return made[name]()

    def condition(self, y: Measurement) -> jax.Array:
        """The image with its hole filled, the hole and, unless blind, a plane a level: [B, H, W, C + 1 + levels]."""
        parts = [y["filled"], y["hole"]]
        return jnp.concatenate(
            parts if self.blind or not self.graded else [*parts, levels.plane(y["levels"], y)], axis=-1
        )

    def start(self, y: Measurement) -> jax.Array:
        return y["start"]

    def project(self, x0: jax.Array, y: Measurement) -> jax.Array:
        """Pixels outside the hole of an image without other damage are put back bit for bit; blind, nothing is."""
        if self.blind and self.graded:
            return x0
        sound = jnp.all(y["levels"] <= 0, axis=-1)[:, None, None, None]
        return jnp.where(sound & (y["hole"] <= 0), y["image"], x0)

    def strengths(self, y: Measurement) -> Mapping[str, jax.Array]:
        """In the units of the single tasks; haze and blur, which these do not tell, as shares of their ranges."""
        if self.blind:
            return {}
        units = {
            "low": self.low / 8, "noise": self.noise[1] / 50, "photons": self.photons[1] / 50,
            "jpeg": (100 - self.jpeg[0]) / 100,
        }  # fmt: skip
        return {kind: y["levels"][:, i] * units.get(kind, 1.0) for i, kind in enumerate(self.graded)}


TASK = Mixture
