"""Metrics that look through a published network: LPIPS, FID, KID, Inception Score, precision and recall, U-IDS, P-IDS.

Each builder takes the folder of weights (None: the environment variable DGAN_WEIGHTS) and says in the metric's protocol
which file they came from. Set metrics of one network have the same `features`, so that they need be computed only once.
"""

import functools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from dgan_jax.metrics import inception
from dgan_jax.metrics.discriminative import discriminate
from dgan_jax.metrics.fid import fid
from dgan_jax.metrics.kid import kid
from dgan_jax.metrics.lpips import TRUNK_OF, lpips, lpips_hole, parameters
from dgan_jax.metrics.metric import Metric
from dgan_jax.metrics.neighbours import BALLS, precision, recall
from dgan_jax.metrics.sets import SetMetric
from dgan_jax.pretrained import Judge, place, read

Figure = Callable[[Any, Any], float]
Builder = Callable[[Path | None], Metric | SetMetric]
TF1 = "8-bit RGB, resized as TensorFlow 1 does"
THROUGH = {"inception_v3_fid": inception.through_inception, "vgg16_fc2": inception.through_vgg16}


def perceptual(net: str, in_hole: bool, folder: Path | None) -> Metric:
    """LPIPS with one of the three trunks."""
    judge = read(TRUNK_OF[net], folder)
    score = (lpips_hole if in_hole else lpips)(net, parameters(net, judge.params))
    where = "map averaged over the missing pixels" if in_hole else "whole image"
    return Metric(score, "", False, f"LPIPS v0.1, {net}, {where}, no resizing; 0 is identical; {judge.words}.")


@functools.lru_cache(maxsize=2)
def looking(network: str, path: Path) -> tuple[Judge, inception.Describe]:
    """Weights and the one function that describes images by them."""
    judge = read(network, path.parent)
    return judge, THROUGH[network](judge.params)


def of_sets(network: str, figure: Figure, unit: str, higher: bool, protocol: str, folder: Path | None) -> SetMetric:
    """A metric of two sets; bootstrap is off, since images drawn twice would bias every one of them."""
    judge, describe = looking(network, place(network, folder).absolute())
    return SetMetric(describe, figure, unit, higher, f"{protocol}; {TF1}; {judge.words}.", bootstrap=False)


def by_inception(figure: Figure, unit: str, higher: bool, protocol: str) -> Builder:
    """The builder of a figure of two sets of features of Inception v3."""
    return partial(of_sets, "inception_v3_fid", figure, unit, higher, protocol)


def pooled(figure: Figure) -> Figure:
    """A figure of the 2048 pooled features alone."""
    return lambda restored, originals: figure(restored["2048"], originals["2048"])


def sampled_fidelity(restored: Any, originals: Any) -> float:
    """Inception Score of the restored images; the originals do not enter."""
    return inception.inception_score(restored["logits_unbiased"])[0]


INSIDE, COVERED = f"Precision: restored images {BALLS}", f"Recall: originals {BALLS}"
FC2, POOL = ", VGG16 fc2 features after ReLU", ", Inception 2048 features"
MACHINE = "linear SVM (squared hinge, C 1) on Inception 2048 features, percent (CoModGAN), higher is better"

PRETRAINED: dict[str, Builder] = {
    **{f"lpips_{net}": partial(perceptual, net, False) for net in TRUNK_OF},
    **{f"lpips_{net}_hole": partial(perceptual, net, True) for net in TRUNK_OF},
    "fid": by_inception(
        pooled(fid), "", False, "FID, Inception 2048 features, sample covariance; only equal numbers of images compare"
    ),
    "kid": by_inception(
        pooled(lambda x, y: 1000.0 * kid(x, y)[0]),
        "1e-3",
        False,
        "KID x 1000, Inception 2048 features, cubic kernel, mean of 100 subsets of 1000 images (of all, if fewer)",
    ),
    "inception_score": by_inception(
        sampled_fidelity, "", True, "Inception Score, 1008 logits without bias, mean of 10 splits, shuffled"
    ),
    "u_ids": by_inception(
        pooled(lambda x, y: 100.0 * discriminate(x, y).unpaired), "%", True, f"U-IDS: training error, {MACHINE}"
    ),
    "p_ids": by_inception(
        pooled(lambda x, y: 100.0 * discriminate(x, y).paired), "%", True, f"P-IDS: pairs ranked wrongly, {MACHINE}"
    ),
    "precision_inception": by_inception(pooled(precision), "%", True, INSIDE + POOL),
    "recall_inception": by_inception(pooled(recall), "%", True, COVERED + POOL),
    "precision": partial(of_sets, "vgg16_fc2", precision, "%", True, INSIDE + FC2),
    "recall": partial(of_sets, "vgg16_fc2", recall, "%", True, COVERED + FC2),
}
