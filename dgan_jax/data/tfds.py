"""TensorFlow datasets that are already prepared, read without TensorFlow.

Nothing is ever downloaded: without TensorFlow most builders cannot prepare, and offline they hang. The prepared folder
is looked for first, and when it is missing the error says how to make it.
"""

import dataclasses
import difflib
import json
import os
import re
from pathlib import Path

import numpy as np

from dgan_jax.data import images
from dgan_jax.data.store import MEMORY, Source, collect, select

IMAGE_FEATURES = ("image", "hr", "images")
SPLITS = {
    "train": ("train",),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "validation", "valid", "val"),
}

_NAME = re.compile(r"(?P<name>[a-z][a-z0-9_]*)(/(?P<config>[^:/]+))?(:(?P<version>\d+\.\d+\.\d+))?")


@dataclasses.dataclass(frozen=True)
class Reference:
    """NAME[/CONFIG][:VERSION], the part after `tfds:`."""

    name: str
    config: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        return self.name + (f"/{self.config}" if self.config else "") + (f":{self.version}" if self.version else "")


def parse(text: str) -> Reference:
    match = _NAME.fullmatch(text)
    if match is None:
        raise ValueError(
            f"tfds:{text} is not the name of a dataset; "
            "wanted tfds:NAME, tfds:NAME/CONFIG or tfds:NAME:1.0.0, in lower case"
        )
    return Reference(match["name"], match["config"], match["version"])


def default_data_dir() -> str:
    """Where TFDS itself looks: $TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    return os.environ.get("TFDS_DATA_DIR") or os.path.join(os.path.expanduser("~"), "tensorflow_datasets")


def prepared(data_dir: str | os.PathLike | None = None) -> list[str]:
    """The names of the datasets in a local `data_dir`."""
    root = Path(data_dir or default_data_dir()).expanduser()
    try:
        return sorted(p.name for p in root.iterdir() if _NAME.fullmatch(p.name) and any(p.glob("**/features.json")))
    except OSError:
        return []


def find(reference: Reference, data_dir: str | os.PathLike | None = None):
    """The folder of the newest version that is prepared there, or a ValueError that says how to prepare it."""
    from etils import epath  # local paths and buckets alike

    root = epath.Path(data_dir or default_data_dir()).expanduser()
    base = root / reference.name
    if reference.config:
        base = base / reference.config
    versions = _versions(base)
    if not versions and not reference.config and base.exists():
        configs = sorted(p.name for p in base.iterdir() if p.is_dir() and _versions(p))
        if len(configs) > 1:
            some = f"tfds:{reference.name}/{configs[0]}"
            raise ValueError(
                f"tfds:{reference} is prepared in several configs: {', '.join(configs)}; name one, as {some}"
            )
        versions = _versions(base / configs[0]) if configs else {}
    wanted = reference.version or max(versions, key=_number, default=None)
    close = [] if versions else difflib.get_close_matches(reference.name, prepared(data_dir), n=1)
    if close and close[0] != reference.name:
        raise ValueError(f"tfds:{reference} is not prepared in {root}; did you mean 'tfds:{close[0]}'?")
    if wanted not in versions:
        others = f" (there is version {', '.join(sorted(versions, key=_number))})" if versions else ""
        raise ValueError(f"tfds:{reference} is not prepared in {root}{others}. {how_to_prepare(reference, root)}")
    folder = versions[wanted]
    try:
        info = dict(json.loads((folder / "dataset_info.json").read_text()))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"tfds:{reference} in {folder} has a broken dataset_info.json; prepare it again") from error
    if info.get("fileFormat") != "array_record":
        held = info.get("fileFormat") or "tfrecord"
        raise ValueError(f"tfds:{reference} in {folder} is stored as {held}. {how_to_prepare(reference, root)}")
    return folder


def how_to_prepare(reference: Reference, data_dir) -> str:
    return (
        "Reading needs no TensorFlow, preparing does: on a machine with tensorflow run\n"
        f"  python -c \"import tensorflow_datasets as tfds; tfds.builder('{reference}', data_dir='DIR', "
        "file_format='array_record').download_and_prepare()\"\n"
        f"and copy DIR/{reference.name} to {data_dir}/{reference.name}. For a folder of your own images:\n"
        f"  dgan data prepare FOLDER --name {reference.name}"
    )


def open_tfds(
    text: str, split: str, *, data_dir: str | os.PathLike | None = None, validation: float = 0.0,
    channels: int | None = None, resize: int | None = None, memory: int = MEMORY, workers: int | None = None,
    megapixels: float = images.MEGAPIXELS,
) -> Source:  # fmt: skip
    """NAME[/CONFIG][:VERSION] prepared as array_record. Without a split of its own, validation is a share of train."""
    reference = parse(text)
    folder = find(reference, data_dir)
    try:
        import tensorflow_datasets as tfds

        builder = tfds.builder_from_directory(folder)
    except ImportError as error:
        raise ValueError(f"tfds:{reference} needs tensorflow-datasets and array_record: {error}") from error
    except Exception as error:  # whatever broken descriptions make TFDS stumble over
        raise broken(reference, folder, error) from error
    feature, label = _features(reference, builder.info.features)
    held, share = _split(reference, builder.info.splits, split, validation)
    skip = isinstance(builder.info.features[feature], tfds.features.Image)
    decoders = {feature: tfds.decode.SkipDecoding()} if skip else None
    records = builder.as_data_source(split=held, decoders=decoders)
    what = f"tfds:{reference} {held}"
    chosen = select([str(i) for i in range(len(records))], split, share, what) if share else range(len(records))
    shape = builder.info.features[feature].shape
    channels = channels or (1 if shape[-1] == 1 else 3)

    def decode(i: int) -> tuple[np.ndarray, int]:
        try:
            record = records[int(chosen[i])]
        except Exception as error:  # array_record and TFDS each have their own for damaged bytes
            raise broken(reference, folder, error) from error
        image = record[feature]
        if isinstance(image, bytes):
            name = f"{what}[{chosen[i]}]"
            image = images.decode_image(image, name, channels=channels, megapixels=megapixels)
        image = images.to_channels(image, channels)
        return images.resize_short(image, resize) if resize else image, int(record[label]) if label else 0

    # Of variable sizes only the compressed bytes are known; photographs shrink about ten times.
    size = int(np.prod(shape)) * len(records) if all(shape) else builder.info.splits[held].num_bytes * 12
    classes = builder.info.features[label].num_classes if label else 0
    return collect(
        what, len(chosen), decode, lambda i: f"{what}[{chosen[i]}]",
        channels=channels, classes=classes, hold=size <= memory, workers=workers,
    )  # fmt: skip


def broken(reference: Reference, folder, error: Exception) -> ValueError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ValueError(f"tfds:{reference} in {folder} is damaged ({reason:.200}); prepare or copy it again")


def _features(reference: Reference, features) -> tuple[str, str | None]:
    """The names of the image and of the class label."""
    import tensorflow_datasets as tfds

    def usable(key: str) -> bool:
        feature = features[key]
        raw = isinstance(feature, tfds.features.Tensor) and feature.dtype == np.uint8 and len(feature.shape) == 3
        return isinstance(feature, tfds.features.Image) or raw

    keys = [*(key for key in IMAGE_FEATURES if key in features), *sorted(features)]
    found = next((key for key in keys if usable(key)), None)
    if found is None:
        raise ValueError(f"tfds:{reference} has no feature that is an image; it has {', '.join(sorted(features))}")
    label = "label" if "label" in features and isinstance(features["label"], tfds.features.ClassLabel) else None
    return found, label


def _split(reference: Reference, splits, split: str, share: float) -> tuple[str, float]:
    """The stored split that serves `split`, and the share of it that is set aside for validation (0: use all of it)."""
    own = next((name for name in SPLITS[split] if name in splits), None)
    has_validation = any(name in splits for name in SPLITS["validation"])
    if split == "train" and own:
        return own, 0.0 if has_validation else share
    if own:
        return own, 0.0
    if share > 0 and "train" in splits:
        return "train", share
    held = ", ".join(sorted(splits))
    advice = "; set a validation share, for example 0.05" if split != "train" and "train" in splits else ""
    raise ValueError(f"tfds:{reference} has no {split} split, it has {held}{advice}")


def _versions(folder) -> dict:
    """The prepared versions below a folder: {"1.0.0": path}."""
    if not folder.exists():
        return {}
    numbered = {p.name: p for p in folder.iterdir() if re.fullmatch(r"\d+\.\d+\.\d+", p.name)}
    return {name: p for name, p in numbered.items() if (p / "features.json").exists()}


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
