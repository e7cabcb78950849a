"""Patches from elsewhere in the picture fill the hole, all scales agreeing: texture and lines go on as in a photograph.

Multi-scale patch completion after Wexler, Shechtman, Irani 2007, with PatchMatch (Barnes et al. 2009) and the texture
features of Newson et al., IPOL 2017; our own code (`ops/completion.py`), compiled by Numba at its first call.
`realism=1` is one such completion, another with another seed; `realism=0` the mean of several softer ones, mixed with
`coherent` as trials in fake holes advise.
"""

import concurrent.futures
import dataclasses

import jax
import numpy as np

from dgan_jax.core.parts import Measurement, Spec, System, Task
from dgan_jax.ops import completion, completion_mean, prefill
from dgan_jax.ops.filling import Style

PAPER = "Wexler, Shechtman, Irani 2007, IEEE TPAMI 29(3); Newson, Almansa, Gousseau, Perez 2017, IPOL 7"
TASKS = ("inpaint",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    realism: float = 1.0
    """1: one completion that looks like a photograph; 0: the answer of least error; between: a mix of the two."""
    runs: int = 6
    """Completions whose mean is the answer of least error."""
    threads: int = 2
    """Of these, so many are made at a time."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.realism <= 1.0:
            raise ValueError(f"system.realism must be between 0 and 1, got {self.realism}")
        if self.runs < 1 or self.threads < 1:
            raise ValueError(f"system.runs and system.threads must be at least 1, got {self.runs} and {self.threads}")


@jax.jit
def solved(image: jax.Array, hole: jax.Array) -> jax.Array:
    return prefill.coherent(image[None], hole[None, ..., None])[0]


def coherent(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """[H, W, C] in [-1, 1], hole [H, W] of bool -> filled. Padded to multiples of 64, so that sizes share programs."""
    rest = [(0, -side % 64) for side in hole.shape]
    padded = np.pad(image, [*rest, (0, 0)], mode="symmetric"), np.pad(hole, rest, mode="symmetric")
    filled = solved(padded[0], padded[1].astype(np.float32))
    return np.asarray(filled)[: hole.shape[0], : hole.shape[1]]


def smooth(levels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The same in levels of 255."""
    return 127.5 * coherent(levels / 127.5 - 1.0, hole) + 127.5


def build(config: Config, task: Task, spec: Spec) -> System:
    del task, spec

    def values(image: np.ndarray, hole: np.ndarray, seed: int) -> np.ndarray | None:
        """[H, W, C] in levels of 255 -> the missing pixels [n, C]."""
        if config.realism == 1.0:
            return completion.complete(image, hole, seed, Style())
        with concurrent.futures.ThreadPoolExecutor(config.threads) as pool:
            least = completion_mean.least_error(image, hole, seed, smooth=smooth, runs=config.runs, mapped=pool.map)
        if config.realism == 0.0 or least is None:
            return least
        drawn = completion.complete(image, hole, seed, Style())
        return None if drawn is None else least + config.realism * (drawn - least)

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> np.ndarray:
        """On the host: {"image": [B, H, W, C] in [-1, 1], "hole": [B, H, W, 1]}, keys [B] -> [B, H, W, C] float32.

        A picture without any whole patch of 7x7 pixels is filled by `coherent`.
        """
        del variables
        images, holes = np.asarray(y["image"], np.float32), np.asarray(y["hole"])[..., 0] > 0
        seeds = np.asarray(jax.vmap(jax.random.bits)(keys)).tolist()
        result = []
        for image, hole, seed in zip(images, holes, seeds, strict=True):
            filled = completion.fill(lambda levels, missing: values(levels, missing, seed), image, hole)
            if filled is None:
                filled = coherent(image, hole)
            result.append(filled)
        return np.stack(result)

    return System(restore=restore, host=True, draws=True)
