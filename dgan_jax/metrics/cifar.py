"""The judge that is always there: figures of sets of small images, through a classifier of CIFAR-10 that comes along.

Inception Score, Fréchet distance, precision and recall are those of `inception`, `fid` and `neighbours`; what differs
is the network behind them, so their figures compare with none that Inception gave. How it was trained, and how many
test images it knows: `cifar_classifier.json`, written by `dgan judge`.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.data.safetensors_file import read_weights
from dgan_jax.metrics import neighbours
from dgan_jax.metrics.fid import frechet, statistics
from dgan_jax.metrics.inception import eight_bit_rgb, inception_score
from dgan_jax.metrics.sets import SetMetric
from dgan_jax.nets.cifar_classifier import SIDE, CifarClassifier

WEIGHTS = Path(__file__).with_name("cifar_classifier.safetensors")


@functools.cache
def judge() -> dict[str, Any]:
    """The shipped parameters, float32."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), read_weights(WEIGHTS).params)


def described(images: jax.Array, hole: jax.Array | None = None) -> dict[str, jax.Array]:
    """(images [B, H, W, 1 or 3] in [0, 1], anything) -> {"features": [B, 128], "logits": [B, 10]}. Of another size than
    32x32 they are resized, bilinearly and smoothed where they shrink."""
    del hole
    seen = eight_bit_rgb(images) / 255.0
    if seen.shape[1:3] != (SIDE, SIDE):
        seen = jax.image.resize(seen, (len(seen), SIDE, SIDE, 3), "linear", antialias=True)
    with jax.default_matmul_precision("float32"):
        found: Any = CifarClassifier(folded=True).apply({"params": jax.tree.map(jnp.asarray, judge())}, seen)
    return {"features": found.features, "logits": found.logits}


def score(restored: Any, originals: Any) -> float:
    """Of the restored images alone, all in one split."""
    del originals
    return inception_score(restored["logits"], splits=1)[0]


def distance(restored: np.ndarray, originals: np.ndarray) -> float:
    """Fréchet distance of features [N, D] and [M, D]."""
    return frechet(statistics(restored), statistics(originals))


def of_features(figure: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[Any, Any], float]:
    """A figure of the features alone."""
    return lambda restored, originals: figure(restored["features"], originals["features"])


THROUGH = (
    "of the CIFAR-10 classifier that comes with dgan_jax, images resized to 32x32 where they are not; not Inception's"
)
BALLS = f"{neighbours.BALLS}, 128 features {THROUGH}."

CIFAR: dict[str, SetMetric] = {
    "is_cifar": SetMetric(
        described, score, "", True, f"exp of the mean divergence of classes (Salimans 2016), all images at once, "
        f"{THROUGH}; 1 to 10; only equal numbers of images compare.", bootstrap=False,
    ),
    "fid_cifar": SetMetric(
        described, of_features(distance), "", False, f"Fréchet distance (Heusel 2017), 128 features {THROUGH}; "
        "only equal numbers of images compare.", bootstrap=False,
    ),
    "precision_cifar": SetMetric(
        described, of_features(neighbours.precision), "%", True, f"Restored images {BALLS}", bootstrap=False,
    ),
    "recall_cifar": SetMetric(
        described, of_features(neighbours.recall), "%", True, f"Originals {BALLS}", bootstrap=False,
    ),
}  # fmt: skip
