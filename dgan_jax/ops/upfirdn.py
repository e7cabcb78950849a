"""Zeros between pixels, a FIR filter, and every n-th pixel of that: resampling as StyleGAN2 has it, in sums of slices.

Karras et al., arXiv 1912.04958. `ops/fir.py` has the two cases of score-based networks, whose padding differs.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Pads = tuple[int, int, int, int]
"""Left, right, top and bottom, of the image with its zeros; negative ones crop."""


def taps(values: Any) -> np.ndarray:
    """A filter at sum 1: [n], applied along both axes, or [h, w]."""
    array = np.asarray(values, np.float64)
    return array / array.sum()


def along(x: jax.Array, axis: int, weights: Sequence[float], pads: tuple[int, int], up: int, down: int) -> jax.Array:
    """One axis; weights in order of correlation. Each pixel is followed by up - 1 zeros, also the last."""
    count = (x.shape[axis] * up + sum(pads) - len(weights)) // down + 1
    if up > 1 and down == 1:
        return phases(x, axis, weights, pads[0], up, count)
    widths = [(0, 0, 0)] * x.ndim
    widths[axis] = (pads[0], pads[1] + up - 1, up - 1)  # negative widths crop
    padded = jax.lax.pad(x, jnp.zeros((), x.dtype), widths)
    return _sum(w * _slice(padded, axis, j, count, down) for j, w in enumerate(weights))


def phases(x: jax.Array, axis: int, weights: Sequence[float], before: int, up: int, count: int) -> jax.Array:
    """`count` filtered values, where `up` - 1 zeros follow each of x and `before` come first: each phase of the output
    is a short filter of its own on the values without zeros."""
    rows = -(-count // up)
    # Output n = up * row + r takes weight j times x[row + shift] where n + j - before is a multiple of up.
    taken = [
        [(w, (r + j - before) // up) for j, w in enumerate(weights) if (r + j - before) % up == 0] for r in range(up)
    ]
    shifts = [shift for phase in taken for _, shift in phase]
    least, most = min(0, *shifts), max(0, *shifts)
    widths = [(0, 0, 0)] * x.ndim
    widths[axis] = (-least, max(rows + most - x.shape[axis], 0), 0)
    padded = jax.lax.pad(x, jnp.zeros((), x.dtype), widths)
    at = lambda shift: _slice(padded, axis, shift - least, rows)
    parts = [_sum(w * at(shift) for w, shift in phase) if phase else jnp.zeros_like(at(0)) for phase in taken]
    shape = list(x.shape)
    shape[axis] = rows * up
    return _slice(jnp.stack(parts, axis=axis + 1).reshape(shape), axis, 0, count)


def _slice(x: jax.Array, axis: int, start: int, count: int, stride: int = 1) -> jax.Array:
    return jax.lax.slice_in_dim(x, start, start + (count - 1) * stride + 1, stride, axis)


def _sum(terms: Any) -> Any:
    total: Any = sum(terms)
    return total


def upfirdn(
    x: jax.Array, kernel: np.ndarray, *, up: int = 1, down: int = 1, pads: Pads = (0, 0, 0, 0), flip: bool = False,
    gain: float = 1.0,
) -> jax.Array:  # fmt: skip
    """[B, H, W, C] -> [B, (H up + top + bottom - h) // down + 1, ..., C].

    kernel: [n] (along both axes) or [h, w], as it is. Without `flip` it is convolved with, else correlated.
    """
    if kernel.ndim == 1:
        weights = (kernel if flip else kernel[::-1]) * np.sqrt(gain)
        x = along(x, 2, weights.tolist(), (pads[0], pads[1]), up, down)
        return along(x, 1, weights.tolist(), (pads[2], pads[3]), up, down)
    weights = (kernel if flip else kernel[::-1, ::-1]) * gain
    # A row of the filter at a time: sums of one-dimensional ones.
    height = x.shape[1] * up + pads[2] + pads[3]
    count = (height - len(weights)) // down + 1
    inside = (0, 0, 0)
    x = jax.lax.pad(x, jnp.zeros((), x.dtype), (inside, (pads[2], pads[3] + up - 1, up - 1), inside, inside))
    rows = lambda i: _slice(x, 1, i, count, down)
    return _sum(along(rows(i), 2, row.tolist(), (pads[0], pads[1]), up, down) for i, row in enumerate(weights))


def spread(size: int, factor: int) -> tuple[int, int]:
    """Padding that makes an image `factor` times as large."""
    return (size + factor - 1) // 2, (size - factor) // 2


def gathered(size: int, factor: int) -> tuple[int, int]:
    """Padding that makes an image 1 / factor as large."""
    return (size - factor + 1) // 2, (size - factor) // 2


def upsample(x: jax.Array, kernel: np.ndarray, factor: int = 2) -> jax.Array:
    """[B, H, W, C] -> [B, factor H, factor W, C]."""
    pads = (*spread(kernel.shape[-1], factor), *spread(kernel.shape[0], factor))
    return upfirdn(x, kernel, up=factor, pads=pads, gain=float(factor**2))


def downsample(x: jax.Array, kernel: np.ndarray, factor: int = 2) -> jax.Array:
    """[B, H, W, C] -> [B, H / factor, W / factor, C]."""
    pads = (*gathered(kernel.shape[-1], factor), *gathered(kernel.shape[0], factor))
    return upfirdn(x, kernel, down=factor, pads=pads)


def filtered(x: jax.Array, kernel: np.ndarray) -> jax.Array:
    """The filter alone; the size stays."""
    pads = (kernel.shape[-1] // 2, (kernel.shape[-1] - 1) // 2, kernel.shape[0] // 2, (kernel.shape[0] - 1) // 2)
    return upfirdn(x, kernel, pads=pads)


def convolve(x: jax.Array, weights: jax.Array, *, stride: int = 1, padding: int = 0) -> jax.Array:
    """A correlation with HWIO weights, as deep learning calls convolution."""
    pads = [(padding, padding)] * 2
    return jax.lax.conv_general_dilated(x, weights, (stride, stride), pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def resampled_convolution(
    x: jax.Array, weights: jax.Array, kernel: np.ndarray, *, up: int = 1, down: int = 1, padding: int = 0
) -> jax.Array:
    """A convolution of an image that is made `up` times larger before it or 1 / down as large after it.

    The filter is low-pass and stands before zeros are skipped and after they are put in; `padding` is that of the
    convolution, of an image without resampling. One of `up` and `down` must be 1.
    """
    if up > 1 and down > 1:
        raise ValueError(f"a resampled convolution goes up or down, not both; got up {up} and down {down}")
    if up == down == 1:
        return convolve(x, weights, padding=padding)
    before, after = spread(kernel.shape[-1], up) if up > 1 else gathered(kernel.shape[-1], down)
    pads = (before + padding, after + padding) * 2
    if weights.shape[0] == weights.shape[1] == 1:
        if down > 1:
            return convolve(upfirdn(x, kernel, down=down, pads=pads), weights)
        return upfirdn(convolve(x, weights), kernel, up=up, pads=pads, gain=float(up**2))
    if down > 1:
        return convolve(upfirdn(x, kernel, pads=pads), weights, stride=down)
    return convolve(upfirdn(x, kernel, up=up, pads=pads, gain=float(up**2)), weights)
