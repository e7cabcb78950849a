"""Metrics by name. The name carries the protocol, since the same two images have five PSNRs and six SSIMs.

Every function is pure: (restored, original, hole or None) -> [B], on float images [B, H, W, C] in [0, 1] that
`planes.eight_bit` has put on the 8-bit grid. A set's figure is the mean over its images.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import jax

from dgan_jax.core.names import lookup
from dgan_jax.metrics import l1, psnr, seam, ssim
from dgan_jax.metrics.diversity import DRAWN
from dgan_jax.metrics.metric import AnyMetric, Metric, Score
from dgan_jax.metrics.sets import SETS


def whole(function: Callable[..., jax.Array], **options: object) -> Score:
    """A metric of the whole image, which does not look at the hole."""
    score = partial(function, **options)
    return lambda restored, original, hole: score(restored, original)


EXACT = "identical images (infinite) are counted, not averaged."


def decibels(function: Score, protocol: str) -> Metric:
    """A PSNR, higher is better."""
    return Metric(
        function,
        "dB",
        True,
        f"PSNR {protocol}, peak 255, 8-bit images; {EXACT}",
    )


def likeness(function: Score, protocol: str) -> Metric:
    """An SSIM, higher is better."""
    return Metric(function, "", True, f"SSIM {protocol}, K1 0.01, K2 0.03, 8-bit images; 1 is identical.")


def percent(function: Score, protocol: str) -> Metric:
    """A distance in per cent, lower is better."""
    return Metric(function, "%", False, f"{protocol}, 8-bit images; 0 is identical.")


GAUSS = "Gaussian window 11 with sigma 1.5, population covariance"

METRICS: dict[str, Metric] = {
    "psnr_rgb": decibels(whole(psnr.psnr), "of all pixels and channels"),
    "psnr_hole": decibels(psnr.psnr_hole, "of the missing pixels only, all channels"),
    "ssim_rgb_gauss": likeness(whole(ssim.ssim), f"per channel, {GAUSS}, windows inside the image (Wang 2004)"),
    "ssim_rgb_uniform7": likeness(
        whole(ssim.ssim, window=ssim.UNIFORM7), "per channel, 7x7 box, sample covariance, windows inside the image"
    ),
    "ssim_rgb_zero": likeness(whole(ssim.ssim, pad=ssim.zeros), f"per channel, {GAUSS}, zero padding (as LaMa)"),
    "ssim_hole": likeness(ssim.ssim_hole, f"map averaged over the missing pixels, {GAUSS}, mirrored border"),
    "ms_ssim_rgb": likeness(
        whole(ssim.ms_ssim), f"per channel in five scales, {GAUSS}, zeros added to odd sides; sides above 160"
    ),
    "ms_ssim_y_crop0": likeness(
        whole(ssim.ms_ssim_y), f"of BT.601 Y, unrounded, uncropped, in five scales, {GAUSS}, sides above 160"
    ),
    "ms_ssim_hole": likeness(
        ssim.ms_ssim_hole, f"in five scales, maps averaged over the missing pixels, {GAUSS}, mirrored border"
    ),
    "l1_rgb": percent(whole(l1.l1), "Mean absolute error of all pixels and channels, in percent of the range"),
    "l1_hole": percent(l1.l1_hole, "Mean absolute error of the missing pixels only, in percent of the range"),
    "seam": percent(
        seam.seam,
        "Steps between missing and known neighbours beyond those of the original, mean, in percent of the range",
    ),
}

for crop in (0, 2, 3, 4, 8):
    cut = f"cropped by {crop}" if crop else "uncropped"
    METRICS |= {
        f"psnr_y_crop{crop}": decibels(whole(psnr.psnr_y, crop=crop), f"of BT.601 Y, unrounded, {cut}"),
        f"ssim_y_crop{crop}": likeness(whole(ssim.ssim_y, crop=crop), f"of BT.601 Y, unrounded, {cut}, {GAUSS}"),
    }
    if crop:
        METRICS |= {
            f"psnr_rgb_crop{crop}": decibels(whole(psnr.psnr, crop=crop), f"of all pixels and channels, {cut}"),
            f"ssim_rgb_gauss_crop{crop}": likeness(whole(ssim.ssim, crop=crop), f"per channel, {cut}, {GAUSS}"),
        }


def named(names: Iterable[str], weights: str | Path | None = None) -> dict[str, AnyMetric]:
    """The metrics of these names, in this order; an unknown name is a ValueError with the nearest known one.

    Those of `metrics.sets`, `metrics.cifar`, `metrics.diversity` and `metrics.through_networks` are known too. weights:
    the folder of the networks that the last look through; None is the environment variable DGAN_WEIGHTS.
    """
    names = tuple(names)
    plain: dict[str, AnyMetric] = {**METRICS, **SETS, **DRAWN}
    if plain.keys() >= set(names):
        return {name: plain[name] for name in names}
    # Networks are loaded where a metric looks through one.
    from dgan_jax.metrics.cifar import CIFAR
    from dgan_jax.metrics.through_networks import PRETRAINED

    folder = None if weights is None else Path(weights)
    known: dict[str, Any] = {**plain, **CIFAR, **PRETRAINED}
    found = {name: lookup("metric", name, known) for name in names}
    return {name: metric(folder) if name in PRETRAINED else metric for name, metric in found.items()}
