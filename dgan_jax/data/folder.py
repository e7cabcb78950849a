"""Sources made of image files: a folder, a tar, and the photographs that come with scikit-image."""

import importlib.util
import io
import tarfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import numpy as np

from dgan_jax.data import images, left_out
from dgan_jax.data.images import MEGAPIXELS
from dgan_jax.data.opening import open_file
from dgan_jax.data.store import MEMORY, Source, attempt, collect, select, warn_skipped

CHECKED = 100_000
"""Up to so many files are opened (header only) at the start; of more, each is seen when its turn comes."""

BUNDLED = {
    "train": (
        "astronaut.png", "brick.png", "coffee.png", "grass.png", "gravel.png",
        "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg",
    ),
    "validation": ("camera.png", "chelsea.png", "coins.png"),
}  # fmt: skip


def open_bundled(
    split: str, *, channels: int = 3, resize: int | None = None, workers: int | None = None,
    megapixels: float = MEGAPIXELS,
) -> Source:  # fmt: skip
    """The photographs inside the installed scikit-image package: 8 to train on, 3 kept for validation and test.

    train: astronaut 512x512, coffee 400x600, motorcycle_left and _right 500x741 (a stereo pair, hence on one side),
    rocket 427x640, and in grey brick, grass, gravel 512x512. validation: chelsea 300x451, and in grey camera 512x512,
    coins 303x384. Drawings, masks, pages of text, microscopy and astronomy that also ship there are left out.
    """
    members = bundled("train" if split == "train" else "validation")
    return _files("bundled", members, None, 0, channels, resize, MEMORY, workers, megapixels)


def bundled(*splits: str) -> list[Path]:
    """The files of these photographs: of "train", of "validation", or of all."""
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise ValueError("data 'bundled' are scikit-image's photographs; install it: pip install scikit-image")
    root = Path(found.origin).parent / "data"
    return [root / member for split in splits or BUNDLED for member in BUNDLED[split]]


def open_folder(
    path: Path, split: str, *, validation: float = 0.0, labels: bool = False, channels: int = 3,
    resize: int | None = None, memory: int = MEMORY, workers: int | None = None, megapixels: float = MEGAPIXELS,
) -> Source:  # fmt: skip
    """All images below a folder, sorted by relative path.

    A file that is no image is left out at the start with a warning. One that turns out damaged when decoded is left out
    too if the folder fits in `memory` (everything is decoded at the start), else replaced by the next file each time.
    labels: the sub-folders of `path` are the classes, in sorted order.
    """
    paths, others = images.survey(path)
    if not paths:
        known = " ".join(sorted(images.EXTENSIONS))
        also = f"; {left_out.summary(others)}" if others else ""
        raise ValueError(f"no images in folder {path} or below; looked for files ending in {known}{also}")
    if others:
        warnings.warn(f"folder {path}: {left_out.summary(others)}", stacklevel=2)
    members = [file.relative_to(path) for file in paths]
    chosen = select([member.as_posix() for member in members], split, validation, f"folder {path}")
    numbers, classes = folder_labels(path, members) if labels else (None, ())
    labelled = None if numbers is None else [numbers[i] for i in chosen]
    what = f"folder {path}"
    return _files(
        what, [paths[i] for i in chosen], labelled, len(classes), channels, resize, memory, workers, megapixels
    )


def folder_labels(root: PurePath, members: Sequence[PurePath]) -> tuple[list[int], list[str]]:
    """The label of each relative path by its first folder, and the sorted names of the classes."""
    loose = [member for member in members if len(member.parts) < 2]
    if loose:
        raise ValueError(
            f"labels were asked for, but {root / loose[0]} lies in no class folder; put images into {root}/CLASS/"
        )
    classes = sorted({member.parts[0] for member in members})
    number = {name: i for i, name in enumerate(classes)}
    return [number[member.parts[0]] for member in members], classes


def open_tar(
    path: Path, split: str, *, validation: float = 0.0, labels: bool = False, channels: int = 3,
    resize: int | None = None, memory: int = MEMORY, workers: int | None = None, megapixels: float = MEGAPIXELS,
) -> Source:  # fmt: skip
    """The image files in an uncompressed tar, in name order; otherwise as a folder."""
    entries = sorted(tar_members(path))
    if not entries:
        raise ValueError(f"no images in {path}; looked for members ending in {' '.join(sorted(images.EXTENSIONS))}")
    members = [PurePosixPath(name) for name, _, _ in entries]
    chosen = select([str(member) for member in members], split, validation, str(path))
    numbers, classes = folder_labels(PurePosixPath(path.name), members) if labels else (None, ())
    names = [f"{path}:{entries[i][0]}" for i in chosen]

    def stream(i: int) -> io.BytesIO:
        _, offset, size = entries[chosen[i]]
        with path.open("rb") as file:
            file.seek(offset)
            return io.BytesIO(file.read(size))

    labelled = None if numbers is None else [numbers[i] for i in chosen]
    return encoded(str(path), names, stream, labelled, len(classes), channels, resize, memory, workers, megapixels)


def tar_members(path: Path) -> list[tuple[str, int, int]]:
    """(name, place, length) of the image files in a tar; all of them lie within the file."""
    with open_file(path, "a tar") as file:
        end = file.seek(0, io.SEEK_END)
        file.seek(0)
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                members = [m for m in tar if m.isreg() and not m.issparse() and _is_image(m.name)]
        except Exception as error:  # besides TarError whatever the numbers of a broken header lead to
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(
                f"{path} is not an uncompressed tar of images ({reason:.200}); unpack it and name the folder"
            ) from error
    for member in members:
        if not 0 <= member.offset_data <= member.offset_data + member.size <= end:
            raise ValueError(f"{path} is cut off: {member.name[:200]!r} ends after it; copy the file again")
    return [(member.name, member.offset_data, member.size) for member in members]


def encoded(
    what: str, names: Sequence[str], stream: Callable, labels: Sequence[int] | None, classes: int,
    channels: int, resize: int | None, memory: int, workers: int | None, megapixels: float, small: bool = False,
) -> Source:  # fmt: skip
    """A source of encoded images; stream: number -> the bytes of a file, as a binary file.

    small: known to fit in memory, so that headers need not be read first.
    """

    def decode(i: int) -> tuple[np.ndarray, int]:
        with stream(i) as file:
            image = images.decode_image(file, names[i], channels=channels, megapixels=megapixels)
        return images.resize_short(image, resize) if resize else image, 0 if labels is None else labels[i]

    several: list[str] = []

    def size(i: int) -> tuple[int, int]:
        with stream(i) as file:
            height, width = images.encoded_size(file, names[i], megapixels=megapixels)
            if PurePath(names[i]).suffix.lower() in images.SEVERAL and images.encoded_frames(file, names[i]) > 1:
                several.append(names[i])
        return images.resized(height, width, resize) if resize else (height, width)

    options: dict[str, Any] = {"channels": channels, "classes": classes, "workers": workers}
    if small or len(names) > CHECKED:
        return collect(what, len(names), decode, names.__getitem__, hold=small, **options)
    good, sizes, errors = attempt(size, range(len(names)), workers)
    if not good:
        raise ValueError(f"{what}: none of {len(names)} images can be read; first: {errors[0]}")
    warn_skipped(what, len(names), errors)
    if several:
        warnings.warn(f"{what}: {left_out.frames(several)}", stacklevel=2)
    shapes = np.array(sizes)
    hold = int(np.prod(shapes, axis=1).sum()) * channels <= memory
    return collect(
        what, len(good), lambda i: decode(good[i]), lambda i: names[good[i]],
        sizes=shapes, hold=hold, skipped=len(errors), **options,
    )  # fmt: skip


def _files(what, paths, labels, classes, channels, resize, memory, workers, megapixels) -> Source:
    stream = lambda i: open_file(paths[i])
    names = [str(path) for path in paths]
    return encoded(what, names, stream, labels, classes, channels, resize, memory, workers, megapixels)


def _is_image(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in images.EXTENSIONS and not any(
        part.startswith(".") for part in path.parts if part != "."
    )
