"""Structural similarity, one value per image, in the variants that published tables use.

Images are float [B, H, W, C] in [0, 1]; K1 = 0.01, K2 = 0.03, peak 1. The variants differ in window, covariance and
border, by up to 0.08 on the same pair, so each has its own name in `metrics/table.py`. Wang et al. 2004; MS-SSIM 2003.

float32 suffices because second moments are taken about mid-grey: E[x^2] - mu^2 on 0 .. 255 would lose two digits.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.metrics.planes import check_hole, check_pair, luma, shave

C1, C2 = 0.01**2, 0.03**2
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


class Window(NamedTuple):
    """A separable window: its taps along one axis, and the factor from population to the covariance used."""

    taps: tuple[float, ...]
    unbias: float = 1.0

    @property
    def radius(self) -> int:
        return len(self.taps) // 2


def gaussian(size: int = 11, sigma: float = 1.5) -> Window:
    """The usual window: normalised Gaussian, population covariance."""
    taps = np.exp(-0.5 * np.square((np.arange(size) - size // 2) / sigma))
    return Window(tuple((taps / taps.sum()).tolist()))


def uniform(size: int = 7) -> Window:
    """scikit-image's default: a box, sample covariance."""
    return Window((1.0 / size,) * size, unbias=size**2 / (size**2 - 1))


def sample(window: Window) -> Window:
    """The same window with the sample covariance n / (n - 1), n counting its pixels whatever their weights."""
    count = len(window.taps) ** 2
    return window._replace(unbias=count / (count - 1))


Pad = Callable[[jax.Array, int], jax.Array]


def covered(images: jax.Array, radius: int) -> jax.Array:
    """No padding: only pixels whose whole window lies in the image are scored."""
    height, width = images.shape[1:3]
    if min(height, width) <= 2 * radius:
        raise ValueError(f"SSIM's window of {2 * radius + 1} does not fit into images of {height}x{width}")
    return images


def mirrored(images: jax.Array, radius: int) -> jax.Array:
    """Every pixel is scored; the image is mirrored at its border, the edge pixel repeated (scipy's `reflect`)."""
    return jnp.pad(images, ((0, 0), (radius, radius), (radius, radius), (0, 0)), mode="symmetric")


def zeros(images: jax.Array, radius: int) -> jax.Array:
    """Every pixel is scored; beyond the border lies black."""
    return jnp.pad(images, ((0, 0), (radius, radius), (radius, radius), (0, 0)))


def smooth(maps: jax.Array, taps: Sequence[float]) -> jax.Array:
    """Valid separable filtering of [..., H, W, C]."""
    # Shifted sums: full float32 on any device, and no depthwise convolution, which is slow on the CPU.
    for axis in (-3, -2):
        length = maps.shape[axis] - len(taps) + 1
        shifted = (jax.lax.slice_in_dim(maps, i, i + length, axis=axis % maps.ndim) for i in range(len(taps)))
        maps = jnp.asarray(sum(tap * part for tap, part in zip(taps, shifted, strict=True)))
    return maps


def similarity(restored: jax.Array, original: jax.Array, window: Window, pad: Pad) -> tuple[jax.Array, jax.Array]:
    """The maps of SSIM and of its contrast-structure term alone, [B, H', W', C]."""
    a, b = (pad(images, window.radius) - 0.5 for images in (restored, original))
    mu_a, mu_b, aa, bb, ab = smooth(jnp.stack([a, b, a * a, b * b, a * b]), window.taps)
    var_a, var_b, cov = (window.unbias * v for v in (aa - mu_a * mu_a, bb - mu_b * mu_b, ab - mu_a * mu_b))
    mu_a, mu_b = mu_a + 0.5, mu_b + 0.5
    structure = (2.0 * cov + C2) / (var_a + var_b + C2)
    return structure * (2.0 * mu_a * mu_b + C1) / (mu_a * mu_a + mu_b * mu_b + C1), structure


GAUSSIAN, UNIFORM7 = gaussian(), uniform()


def ssim(
    restored: jax.Array, original: jax.Array, *, window: Window = GAUSSIAN, pad: Pad = covered, crop: int = 0
) -> jax.Array:
    """[B]: the mean over map and channels; `crop` pixels are cut off the images' sides first."""
    check_pair(restored, original)
    full, _ = similarity(shave(restored, crop), shave(original, crop), window, pad)
    return jnp.mean(full, axis=(1, 2, 3))


def ssim_y(restored: jax.Array, original: jax.Array, *, window: Window = GAUSSIAN, crop: int = 0) -> jax.Array:
    """[B]: SSIM of the unrounded BT.601 Y plane, as super-resolution reports it with `crop` = scale."""
    check_pair(restored, original)
    return ssim(luma(restored), luma(original), window=window, crop=crop)


def ssim_hole(restored: jax.Array, original: jax.Array, hole: jax.Array | None) -> jax.Array:
    """[B]: the Gaussian SSIM map (image mirrored at its border) averaged over missing pixels; NaN where there are none.

    A missing pixel's window reaches five pixels into the known part, which so counts a little.
    """
    check_pair(restored, original)
    missing = check_hole(hole, original, "ssim_hole")
    full, _ = similarity(restored, original, GAUSSIAN, mirrored)
    return jnp.sum(full * missing, axis=(1, 2, 3)) / (jnp.sum(missing, axis=(1, 2, 3)) * original.shape[-1])


def halve(images: jax.Array) -> jax.Array:
    """Means of 2x2, where a line of zeros before an odd side counts."""
    # pytorch-msssim pads both ends of an odd side and pools in twos, so the line at its far end falls away.
    odd = [(side % 2, 0) for side in images.shape[1:3]]
    images = jnp.pad(images, ((0, 0), *odd, (0, 0)))
    batch, height, width, channels = images.shape
    return jnp.mean(images.reshape(batch, height // 2, 2, width // 2, 2, channels), axis=(2, 4))


def ms_ssim(restored: jax.Array, original: jax.Array, *, weights: Sequence[float] = MS_WEIGHTS) -> jax.Array:
    """[B]: multi-scale SSIM, differentiable. The shorter side must exceed 10 * 2^(scales - 1): 160 for five scales."""
    check_pair(restored, original)
    return scales(restored, original, weights, covered, lambda maps, scale: jnp.mean(maps, axis=(1, 2)))


def ms_ssim_y(
    restored: jax.Array, original: jax.Array, *, crop: int = 0, weights: Sequence[float] = MS_WEIGHTS
) -> jax.Array:
    """[B]: multi-scale SSIM of the unrounded BT.601 Y plane; `crop` pixels are cut off the images' sides first."""
    check_pair(restored, original)
    return ms_ssim(shave(luma(restored), crop), shave(luma(original), crop), weights=weights)


def ms_ssim_hole(
    restored: jax.Array, original: jax.Array, hole: jax.Array | None, *, weights: Sequence[float] = MS_WEIGHTS
) -> jax.Array:
    """[B]: multi-scale SSIM whose maps (images mirrored at their border) are averaged over missing pixels.

    On a coarser scale a pixel counts as much as was missing of those that it stands for. NaN where nothing is missing.
    """
    check_pair(restored, original)
    shares = [check_hole(hole, original, "ms_ssim_hole").astype(original.dtype)]
    for _ in weights[1:]:
        shares.append(halve(shares[-1]))

    def inside(maps: jax.Array, scale: int) -> jax.Array:
        return jnp.sum(maps * shares[scale], axis=(1, 2)) / jnp.sum(shares[scale], axis=(1, 2))

    return scales(restored, original, weights, mirrored, inside)


def scales(
    restored: jax.Array, original: jax.Array, weights: Sequence[float], pad: Pad, mean: Callable[..., jax.Array]
) -> jax.Array:
    """[B]: the product over scales, averaged over channels. mean: (maps [B, H, W, C], number of scale) -> [B, C]."""
    least = 2 * GAUSSIAN.radius * 2 ** (len(weights) - 1)
    if min(restored.shape[1:3]) <= least:
        raise ValueError(f"MS-SSIM of {len(weights)} scales needs sides above {least}, got {restored.shape[1:3]}")
    product = jnp.ones((restored.shape[0], restored.shape[-1]))
    for scale, weight in enumerate(weights):
        if scale:
            restored, original = halve(restored), halve(original)
        full, structure = similarity(restored, original, GAUSSIAN, pad)
        term = mean(full if scale == len(weights) - 1 else structure, scale)
        # Where a term is negative the product is 0; its root must not see the 0, whose slope is infinite.
        product *= jnp.where(term <= 0, 0.0, jnp.where(term <= 0, 1.0, term) ** weight)
    return jnp.mean(product, axis=-1)
