"""Pairs of pictures, a good and a damaged one: two folders, or one array file with both."""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from dgan_jax.data import images
from dgan_jax.data.arrays import entries_of, pictures_of
from dgan_jax.data.matching import key
from dgan_jax.data.store import MEMORY, Source, attempt, collect, select, warn_skipped

ENTRY = "damaged"
"""Of an array file that holds both."""
LOOKED_AT, AGREE = 12, 0.75
"""Pairs that are looked at for a shift between the two, and the share of them that must show the same one."""
CLEAR = 0.15
"""Response of phase correlation from which a shift is looked into."""
BETTER = 0.01
"""Correlation of the two that a shift must add."""


class Pairs:
    """A source whose pictures have twice the channels: those of the good picture, then those of the damaged one.

    So they are cropped and mirrored as one. A damaged picture that is smaller is enlarged by repeating its pixels, of
    which each scale-th is as good as all; crops then begin at multiples of `scale`.
    """

    paired = True

    def __init__(self, source: Source, scale: int) -> None:
        self.source, self.scale, self.multiple = source, scale, scale
        self.classes, self.channels, self.in_memory = 0, source.channels, source.in_memory

    @property
    def skipped(self) -> int:
        return self.source.skipped

    @property
    def sizes(self) -> np.ndarray | None:
        return self.source.sizes

    def __len__(self) -> int:
        return len(self.source)

    def gather(self, index: np.ndarray) -> tuple[Sequence[np.ndarray], np.ndarray | None]:
        return self.source.gather(index)

    def name(self, number: int) -> str:
        return self.source.name(number)


def open_pairs(
    name: str, damaged: str, split: str, *, validation: float = 0.0, channels: int = 3, memory: int = MEMORY,
    workers: int | None = None, megapixels: float = images.MEGAPIXELS,
) -> Pairs:  # fmt: skip
    """The pairs of a folder of good pictures and one of damaged ones, by their names; or of an array file.

    Pictures belong together whose paths below the two folders are the same but for their endings and for case. Those
    without a partner, or of another ratio of sizes than most, are left out with a warning. The damaged ones may be
    smaller by a whole number, the same for all. Of a .npz with the entries `image` and `damaged`, `damaged` is named.
    """
    place = Path(name).expanduser()
    if place.suffix.lower() == ".npz":
        return of_file(place, damaged, split, validation, channels)
    folders = place, Path(damaged).expanduser()
    for folder, option in zip(folders, ("data.name", "data.damaged"), strict=True):
        if not folder.is_dir():
            raise ValueError(
                f"{option} {str(folder)!r} is no folder; pairs are two folders, or a .npz with image and damaged"
            )
    found = matched(*folders)
    chosen = [found[i] for i in select([pair[0].relative_to(place).as_posix() for pair in found], split, validation,
                                       f"pairs of {place}")]  # fmt: skip
    size_of = lambda path: images.image_size(path, megapixels=megapixels)
    sizes = lambda pair: (size_of(pair[0]), size_of(pair[1]))
    scale = scale_of([sizes(pair) for pair in chosen[:LOOKED_AT]], chosen)

    def size(pair: tuple[Path, Path]) -> tuple[int, int]:
        large, small = sizes(pair)
        check_sizes(large, small, scale, *pair)
        return large

    good, shapes, errors = attempt(size, chosen, workers)
    if not good:
        raise ValueError(f"none of the {len(chosen)} pairs of {place} and {damaged} can be used; first: {errors[0]}")
    warn_skipped(f"pairs of {place}", len(chosen), errors)
    read = lambda path: images.read_image(path, channels=channels, megapixels=megapixels)

    def decode(i: int) -> tuple[np.ndarray, int]:
        large, small = map(read, good[i])
        return joined(large, small, scale), 0

    check_alignment(list(map(read, pair)) for pair in good[:LOOKED_AT])
    hold = 2 * channels * sum(high * wide for high, wide in shapes) <= memory
    what = f"pairs of {place} and {damaged}"
    source = collect(
        what, len(good), decode, lambda i: str(good[i][0]), channels=channels, sizes=np.array(shapes), hold=hold,
        skipped=len(errors), workers=workers,
    )  # fmt: skip
    return Pairs(source, scale)


def matched(place: Path, damaged: Path) -> list[tuple[Path, Path]]:
    """The files that belong together, in the order of the good ones' names."""
    named = lambda folder: {
        key(path.relative_to(folder).with_suffix("").as_posix()): path for path in images.find_images(folder)
    }
    good, bad = named(place), named(damaged)
    both = [name for name in good if name in bad]
    if not both:
        example = min(good.values(), default=None)
        raise ValueError(
            f"no picture in {place} has a partner of its name in {damaged}; "
            + (
                f"{example.name} would belong to {damaged / example.stem}.*"
                if example
                else f"{place} holds no pictures"
            )
        )
    alone = len(good) + len(bad) - 2 * len(both)
    if alone:
        lonely = next(path for names, other in ((good, bad), (bad, good)) for name, path in names.items()
                      if name not in other)  # fmt: skip
        warnings.warn(f"{alone} pictures without a partner are left out, for example {lonely}", stacklevel=3)
    return [(good[name], bad[name]) for name in both]


Size = tuple[int, int]


def scale_of(sizes: Sequence[tuple[Size, Size]], pairs: Sequence[tuple[Path, Path]]) -> int:
    """How many times smaller the damaged pictures are, by most of these (large, small)."""
    ratios = [large[0] // small[0] if large[0] >= small[0] else 0 for large, small in sizes]
    scale = max(set(ratios), key=ratios.count)
    if not scale:
        check_sizes(*sizes[ratios.index(scale)], 1, *pairs[ratios.index(scale)])
    return scale


def check_sizes(large: Size, small: Size, scale: int, good: object, damaged: object) -> None:
    """A ValueError unless one is exactly so many times the other."""
    if large != (small[0] * scale, small[1] * scale):
        wanted = "the same size" if scale == 1 else f"1/{scale} of it, as the others are"
        raise ValueError(
            f"{good} is {large[1]}x{large[0]} and {damaged} {small[1]}x{small[0]} pixels; wanted {wanted}: "
            "cut both to what they have in common"
        )


def joined(good: np.ndarray, damaged: np.ndarray, scale: int) -> np.ndarray:
    """uint8 [H, W, C] and [H / scale, W / scale, C] -> [H, W, 2 C]."""
    if scale > 1:
        damaged = damaged.repeat(scale, axis=0).repeat(scale, axis=1)
    return np.concatenate([good, damaged], axis=-1)


def check_alignment(pairs: Iterable[Sequence[np.ndarray]]) -> None:
    """A warning where most of the pairs are shifted against each other by the same pixel or more."""
    shifts = [shift for good, damaged in pairs if (shift := shift_of(good, damaged)) is not None]
    if len(shifts) < 3:
        return
    usual = np.median(shifts, axis=0)
    if usual.any() and np.mean([(shift == usual).all() for shift in shifts]) >= AGREE:
        warnings.warn(
            f"the damaged pictures are shifted by {usual[0]:+g} pixels to the right and {usual[1]:+g} down; a network "
            "would learn to shift them back: cut them so that they lie upon each other, unless that is meant",
            stacklevel=3,
        )


def shift_of(good: np.ndarray, damaged: np.ndarray) -> np.ndarray | None:
    """[2], whole pixels to the right and down, by phase correlation; None where it cannot be told.

    A shift counts only if the two are clearly more alike by it than without: periodic damage, as scan lines, pretends
    some.
    """
    side = min(256, *damaged.shape[:2])
    if side < 16:
        return None
    small = cv2.resize(good, damaged.shape[1::-1], interpolation=cv2.INTER_AREA)
    grey = [
        centre(images.to_channels(x.reshape(*x.shape[:2], -1), 1), side).astype(np.float64) for x in (small, damaged)
    ]
    a, b = (cv2.GaussianBlur(x, (0, 0), 2) for x in grey)
    # It multiplies its arguments by the window, in place.
    found, response = cv2.phaseCorrelate(grey[0], grey[1], cv2.createHanningWindow((side, side), cv2.CV_64F))
    shift = np.round(found).astype(int)
    if not np.abs(shift).max() < side // 2 or response <= CLEAR:
        return None
    (x, y), inner = shift, slice(None)
    over = lambda by: slice(max(0, by), side + min(0, by)) if by else inner
    alike = lambda x, y: np.corrcoef(a[over(-y), over(-x)].ravel(), b[over(y), over(x)].ravel())[0, 1]
    with np.errstate(invalid="ignore", divide="ignore"):  # of flat pictures: nan, which is no better
        better = alike(x, y) > alike(0, 0) + BETTER
    return shift if better else np.zeros(2, int)


def centre(image: np.ndarray, side: int) -> np.ndarray:
    """[H, W, 1] -> its middle, [side, side]."""
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side, 0]


def of_file(path: Path, damaged: str, split: str, validation: float, channels: int) -> Pairs:
    """The pairs of a .npz: uint8 [n, H, W, C], and `damaged` [n, H / s, W / s, C]."""
    if damaged != ENTRY:
        raise ValueError(f"of an array file that holds both, data.damaged names the entry: {ENTRY!r}, got {damaged!r}")
    entries = entries_of(path)
    if ENTRY not in entries:
        raise ValueError(f"{path} has no entry {ENTRY!r}; save both: np.savez(path, image=..., {ENTRY}=...)")
    good, bad = pictures_of(path, entries), pictures_of(path, {"image": entries[ENTRY]})
    if len(good) != len(bad):
        raise ValueError(f"{path}: {len(good)} in `image` and {len(bad)} in `{ENTRY}`; wanted as many of both")
    scale = max(1, good.shape[1] // bad.shape[1])
    check_sizes(good.shape[1:3], bad.shape[1:3], scale, f"`image` of {path}", f"`{ENTRY}`")
    check_alignment(zip(good[:LOOKED_AT], bad[:LOOKED_AT], strict=True))
    chosen = select([str(i) for i in range(len(good))], split, validation, str(path))
    fit = lambda image: images.to_channels(image, channels)
    decode = lambda i: (joined(fit(good[chosen[i]]), fit(bad[chosen[i]]), scale), 0)
    source = collect(
        str(path), len(chosen), decode, lambda i: f"{path}[{chosen[i]}]", channels=channels,
        sizes=np.broadcast_to(np.array(good.shape[1:3]), (len(chosen), 2)), hold=True,
    )  # fmt: skip
    return Pairs(source, scale)
