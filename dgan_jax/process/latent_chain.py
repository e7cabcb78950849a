"""The short chains of latent diffusion's DDIM: shifted by one step, and ending with a trace of noise.

Rombach et al., arXiv 2112.10752, in the published code.
"""

import jax
import numpy as np

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Tables
from dgan_jax.process.gaussian import Chain, through
from dgan_jax.process.schedules import STEPS


def shifted(process: Tables, count: int, spacing: str = "uniform") -> Chain:
    """About `count` of the process's steps, each one later than DDIM's; the last ends at x_1, not at clean data."""
    times: np.ndarray = lookup("spacing of steps", spacing, STEPS)(process.steps, count) + 1
    if times[-1] >= process.steps:
        raise ValueError(
            f"latent diffusion's steps are one later than DDIM's: {count} of {process.steps} would go past the end; "
            "take fewer"
        )
    # One state too many, clean data: what it gives is the law of the steps between the others.
    whole = through(process, np.concatenate([[0], times]))
    return Chain(jax.tree.map(lambda table: table[1:], whole.tables), times)
