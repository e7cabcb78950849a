"""Chains that go forth and back: how often and how far a solver returns to noisier states on its way."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Jumps:
    """`length` steps back, whenever a multiple of it is reached for the first `repeats - 1` times."""

    length: int = 1
    repeats: int = 1

    def counts(self, steps: int) -> dict[int, int]:
        return {level: self.repeats - 1 for level in range(0, steps - self.length, self.length)}


def schedule(steps: int, *jumps: Jumps, repeats: int = 1, below: int | None = None) -> np.ndarray:
    """Levels from `steps` - 1 to -1 (clean data), each a step from the one before (RePaint, supplement; DDNM 3.3).

    From a level to the one below a network is asked; to the one above noise is added. `jumps` from coarse to fine: the
    finer ones may be done again after each coarser one. `repeats`: each step on its own is done that often. `below`:
    no jump reaches above this level.
    """
    if any(jump.length < 1 or jump.repeats < 1 for jump in jumps) or repeats < 1:
        raise ValueError(f"jumps have a length and repeats of at least 1, got {jumps} and {repeats}")
    limit = 10**8 if below is None else below
    left = [jump.counts(steps) for jump in jumps]
    level, levels = steps, []
    while level >= 1:
        level -= 1
        levels.append(level)
        if level + 1 < steps - 1 and level <= limit:
            levels += [level + 1, level] * (repeats - 1)
        for coarse in reversed(range(len(jumps))):
            jump = jumps[coarse]
            if left[coarse].get(level, 0) > 0 and level <= limit - jump.length:
                left[coarse][level] -= 1
                levels += range(level + 1, level + jump.length + 1)
                level += jump.length
                left[coarse + 1 :] = [finer.counts(steps) for finer in jumps[coarse + 1 :]]
    return np.asarray([*levels, -1], np.int32)


def calls(levels: np.ndarray) -> int:
    """Steps downward: how often the network is asked."""
    return int(np.sum(np.diff(levels) < 0))
