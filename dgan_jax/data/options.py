"""The source that an experiment's data options name."""

from dgan_jax.core.experiment import Data
from dgan_jax.data.sources import open_source
from dgan_jax.data.store import Source


def open_data(data: Data, split: str) -> Source:
    """Split "train", "validation" or "test" (of a source without splits of its own: all images)."""
    return open_source(
        data.name, split, validation=data.validation, labels=bool(data.classes), channels=data.channels,
        resize=data.resize, data_dir=data.data_dir, megapixels=data.megapixels,
    )  # fmt: skip
