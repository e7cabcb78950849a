"""A folder of images -> a TFDS dataset in array_record, made and read without TensorFlow."""

import contextlib
import dataclasses
import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from dgan_jax.data import images, tfds
from dgan_jax.data.folder import folder_labels
from dgan_jax.data.store import attempt, held_out, warn_skipped

# Files of these kinds are stored as they are when they need no conversion; everything else becomes PNG.
KEPT = ("JPEG", "PNG", "WEBP")


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What `prepare` made. `reused`: it was there already, from the same files and options."""

    path: Path
    train: int
    validation: int
    skipped: int
    duplicates: int
    classes: tuple[str, ...]
    reused: bool


def prepare(
    folder: Path | str, name: str, data_dir: Path | str | None = None, *, validation: float = 0.0, labels: bool = False,
    channels: int = 3, version: str = "1.0.0", overwrite: bool = False, workers: int | None = None,
) -> Prepared:  # fmt: skip
    """Make `tfds:NAME` of all images below `folder`, in the order of their relative paths.

    Files are stored byte for byte; those that a plain reader would not turn into an upright image of `channels`
    channels (alpha, palettes, CMYK, 16 bits, EXIF rotation, other formats) as PNG. Damaged files are skipped with a
    warning, of files with equal bytes only the first is kept. `validation` is the share set aside, by the hash of the
    path. labels: the sub-folders are the classes.

    A dataset that exists under this name and version is left alone if it was made from the same files and options;
    otherwise that is a ValueError unless `overwrite`.
    """
    folder, reference = Path(folder), tfds.parse(f"{name}:{version}")
    if reference.name != name:
        raise ValueError(f"the name of a dataset to prepare must be plain, as my_photos, got {name!r}")
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; name a folder of images")
    paths = images.find_images(folder)
    if not paths:
        raise ValueError(f"no images in folder {folder} or below")
    target = Path(data_dir or tfds.default_data_dir()).expanduser() / name / version
    good, results, errors = attempt(lambda path: _inspect(path, channels), paths, workers)
    if not good:
        raise ValueError(f"folder {folder}: none of {len(paths)} images can be read; first: {errors[0]}")
    warn_skipped(f"folder {folder}", len(paths), errors)
    first = {result.digest: i for i, result in reversed(list(enumerate(results)))}
    unique = sorted(first.values())
    members = [good[i].relative_to(folder) for i in unique]
    numbers, classes = folder_labels(folder, members) if labels else ([0] * len(members), [])
    keys = [member.as_posix() for member in members]
    aside = held_out(keys, validation)
    if aside.all():
        raise ValueError(
            f"folder {folder}: nothing is left for train of {len(keys)} images; lower the validation share"
        )
    made = Prepared(
        target, int((~aside).sum()), int(aside.sum()), len(errors), len(good) - len(unique), tuple(classes), False
    )
    lines = [f"{key} {results[i].digest}" for key, i in zip(keys, unique, strict=True)]
    options = f"channels={channels} validation={validation} labels={labels} classes={classes}"
    fingerprint = hashlib.sha256("\n".join([options, *lines]).encode("utf-8", "surrogateescape")).hexdigest()
    if target.exists():
        if _fingerprint(target) == fingerprint:
            return dataclasses.replace(made, reused=True)
        if not overwrite:
            raise ValueError(
                f"{target} was prepared from other files or options; give another name or version, or overwrite it"
            )
        shutil.rmtree(target)
    files = [(key, good[i], results[i].plain, label) for key, i, label in zip(keys, unique, numbers, strict=True)]
    parts = {"train": [f for f, out in zip(files, aside, strict=True) if not out]}
    parts |= {"validation": [f for f, out in zip(files, aside, strict=True) if out]} if aside.any() else {}
    _write(reference, target, parts, classes, channels, fingerprint)
    return made


@dataclasses.dataclass(frozen=True)
class _Inspected:
    digest: str
    plain: bool


def _inspect(path: Path, channels: int) -> _Inspected:
    """Decodes the file once, so that whatever is stored can be read."""
    images.read_image(path, channels=channels)
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        modes = ("L",) if channels == 1 else ("L", "RGB")
        plain = image.format in KEPT and image.mode in modes and images.orientation(image) == 1
        plain = plain and not image.has_transparency_data and not getattr(image, "is_animated", False)
    return _Inspected(hashlib.sha256(data).hexdigest(), plain)


def _encoded(path: Path, plain: bool, channels: int) -> bytes:
    if plain:
        return path.read_bytes()
    pixels = images.read_image(path, channels=channels)
    stream = io.BytesIO()
    Image.fromarray(np.squeeze(pixels, -1) if channels == 1 else pixels).save(stream, "PNG")
    return stream.getvalue()


def _fingerprint(target: Path) -> str | None:
    try:
        return json.loads((target / "metadata.json").read_text()).get("fingerprint")
    except (OSError, ValueError):
        return None


def _write(
    reference, target: Path, parts: dict[str, list], classes: list[str], channels: int, fingerprint: str
) -> None:
    import tensorflow_datasets as tfds_library

    features = {
        "image": tfds_library.features.Image(shape=(None, None, channels)),
        "file": tfds_library.features.Text(),
    }
    if classes:
        features["label"] = tfds_library.features.ClassLabel(names=classes)

    class Folder(tfds_library.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        name = reference.name
        VERSION = tfds_library.core.Version(reference.version)
        url_infos: ClassVar[
            dict
        ] = {}  # nothing to download; looking for a list of downloads would import importlib_resources

        def _info(self):
            return tfds_library.core.DatasetInfo(
                builder=self,
                description=f"{sum(map(len, parts.values()))} images of a folder, prepared by dgan_jax",
                features=tfds_library.features.FeaturesDict(features),
                # Stored in the same folder and moved there with it: data and fingerprint exist together or not at all.
                metadata=tfds_library.core.MetadataDict(fingerprint=fingerprint),
                disable_shuffling=True,
            )

        def _split_generators(self, download_manager):
            return {split: self._generate_examples(files) for split, files in parts.items()}

        def _generate_examples(self, files) -> Iterator[tuple[str | int, dict]]:
            for key, path, plain, label in files:
                example = {"image": _encoded(path, plain, channels), "file": key}
                yield key, example | ({"label": label} if classes else {})

    try:
        # The default format, TFRecord, fails at the very end without TensorFlow.
        builder = Folder(data_dir=target.parent.parent, file_format="array_record")
        with contextlib.redirect_stdout(io.StringIO()):  # it announces a download of unknown size
            builder.download_and_prepare()
    except OSError as error:
        raise ValueError(f"cannot write {target} ({error.strerror or error}); choose another data_dir") from error
    except ModuleNotFoundError as error:
        # Without TensorFlow, TFDS loses its own message while it formats it; the first error is the true one.
        cause = error.__context__ or error
        raise ValueError(f"TFDS cannot write {target}: {cause}") from error
