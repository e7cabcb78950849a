"""A space is where the diffusion runs: an invertible pair around process and networks."""

from collections.abc import Callable
from typing import NamedTuple

import jax


class Space(NamedTuple):
    """`encode` takes images [B, H, W, C] in [-1, 1] to codes [B, H/factor, W/factor, channels(C)], `decode` back."""

    encode: Callable[[jax.Array], jax.Array]
    decode: Callable[[jax.Array], jax.Array]
    channels: Callable[[int], int]
    factor: int
