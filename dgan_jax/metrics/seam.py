"""The seam score: steps along the hole's border that the original does not have.

A fill can be good inside and still show where it was put. Take all pairs of pixels that touch by a side, one of them
missing and one known, and let d be the difference of the two, per channel. The score is the mean over pairs and
channels of max(0, |d of the restored| - |d of the original|), in percent of the range: 0 for the original and for
whatever is smoother than it there, c for a fill that is off by c percent beside an even surrounding.
"""

import jax
import jax.numpy as jnp

from dgan_jax.metrics.planes import check_hole, check_pair


def seam(restored: jax.Array, original: jax.Array, hole: jax.Array | None) -> jax.Array:
    """[B] percent; images [B, H, W, C] in [0, 1]. NaN where no missing pixel touches a known one."""
    check_pair(restored, original)
    missing = check_hole(hole, original, "seam") > 0
    total, pairs = jnp.zeros(len(original)), jnp.zeros(len(original))
    for axis in (1, 2):
        border = jnp.diff(missing.astype(jnp.int32), axis=axis) != 0
        excess = jnp.abs(jnp.diff(restored, axis=axis)) - jnp.abs(jnp.diff(original, axis=axis))
        total += jnp.sum(jnp.maximum(excess, 0.0) * border, axis=(1, 2, 3))
        pairs += jnp.sum(border, axis=(1, 2, 3))
    return 100.0 * total / (pairs * original.shape[-1])
