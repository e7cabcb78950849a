"""The source that an experiment's data options name."""

from dgan_jax.core.experiment import Data
from dgan_jax.data.pairs import open_pairs
from dgan_jax.data.sources import open_source
from dgan_jax.data.store import Source


def open_data(data: Data, split: str) -> Source:
    """Split "train", "validation" or "test" (of a source without splits of its own: all images)."""
    if data.damaged:
        if data.classes or data.resize:
            raise ValueError("pairs have no labels and are not resized; leave out data.classes and data.resize")
        return open_pairs(
            data.name, data.damaged, split, validation=data.validation, channels=data.channels,
            megapixels=data.megapixels,
        )  # fmt: skip
    return open_source(
        data.name, split, validation=data.validation, labels=bool(data.classes), channels=data.channels,
        resize=data.resize, data_dir=data.data_dir, megapixels=data.megapixels,
    )  # fmt: skip
