"""Which files are photographs, which of them belongs to which mask, and where their results go."""

import glob
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from dgan_jax.data import left_out
from dgan_jax.data.images import EXTENSIONS, find_images, survey

MARKS = ("mask", "hole", "alpha", "matte", "m")
"""What people put before or behind the name of a photograph to name its mask; for example p1_mask.png, mask-p1.png."""
JOINTS = "_-. "
FOLDERS = ("mask", "masks", "hole", "holes")


class Found(NamedTuple):
    """Photographs with their places below the output folder, and what was left out."""

    photos: dict[Path, PurePath]
    others: list[Path]


def find_photos(places: Sequence[str], *, not_below: Iterable[Path] = (), masks: Path | None = None) -> Found:
    """The files that are named (patterns such as scans/*.jpg too), and those below the folders that are named.

    A file's place is its path below the folder that was named, or its name. Where two would meet, all keep the path
    below what the named places have in common. not_below: folders inside the named ones that do not count, such as that
    of the results. masks: files in this folder that are named as the mask of a photograph are no photographs.
    """
    roots: dict[Path, Path] = {}
    others: list[Path] = []
    closed = [Path(os.path.realpath(folder)) for folder in not_below]
    for place in map(Path, expanded(places)):
        if not place.is_dir():
            roots.setdefault(place, place.parent)
            continue
        found = survey(place)
        inner = [folder for folder in closed if Path(os.path.realpath(place)) in folder.parents]
        keep = lambda path, inner=inner: not any(f in Path(os.path.realpath(path)).parents for f in inner)
        others += filter(keep, found.others)
        for path in filter(keep, found.images):
            roots.setdefault(path, place)
    if masks is not None:
        roots = without_masks(roots, masks)
    if not roots:
        raise ValueError(
            f"no image files in {', '.join(places)}{'; ' + left_out.summary(others) if others else ''}; "
            "give a photograph or a folder of them"
        )
    return Found(placed(roots), others)


def expanded(places: Sequence[str]) -> list[str]:
    """Patterns become the files that they match; names that exist stay, whatever characters they hold."""
    found = []
    for place in places:
        match = [] if os.path.lexists(place) else sorted(glob.glob(place, recursive=True))
        # Of a pattern only images and folders: that of a whole folder may match anything.
        found += [name for name in match if os.path.isdir(name) or PurePath(name).suffix.lower() in EXTENSIONS] or [
            place
        ]
    return found


def placed(roots: dict[Path, Path]) -> dict[Path, PurePath]:
    """photograph -> its place below the output folder. roots: photograph -> the folder that was named."""
    places: dict[Path, PurePath] = {path: path.relative_to(root) for path, root in roots.items()}
    if max(Counter(places.values()).values()) == 1:
        return places
    whole = {path: Path(os.path.abspath(path)) for path in roots}
    common = os.path.commonpath([path.parent for path in whole.values()])
    return {path: absolute.relative_to(common) for path, absolute in whole.items()}


def result_names(photos: dict[Path, PurePath], ending: Callable[[PurePath], str]) -> dict[Path, PurePath]:
    """photograph -> its place with the ending that its result has.

    Where x.jpg would meet x.png, it is called x.jpg.png.
    """
    names = {path: place.with_suffix(ending(place)) for path, place in photos.items()}
    meeting = Counter(str(name).casefold() for name in names.values())
    alone = lambda path, name: meeting[str(name).casefold()] == 1 or photos[path] == name
    return {
        path: name if alone(path, name) else photos[path].with_name(photos[path].name + name.suffix)
        for path, name in names.items()
    }


def key(stem: str) -> str:
    """A name as it is compared: without regard to case, and to how a system writes accents."""
    return unicodedata.normalize("NFC", stem).casefold()


def keys_of(mask: PurePath) -> dict[str, bool]:
    """The names of photographs that a mask may belong to -> whether the mask is called a mask.

    p1.png belongs to p1 (and to p1.png's twin p1.jpg), p1_mask.png to p1, p1.jpg.png to p1.jpg.
    """
    stem = key(mask.stem)
    found = {stem: False}
    for mark in MARKS:
        for joint in JOINTS:
            if stem.endswith(joint + mark):
                found.setdefault(stem.removesuffix(joint + mark), True)
            if stem.startswith(mark + joint):
                found.setdefault(stem.removeprefix(mark + joint), True)
    return {name: marked for name, marked in found.items() if name}


def without_masks(roots: dict[Path, Path], masks: Path) -> dict[Path, Path]:
    """Photographs that lie beside their masks: without the latter."""
    folder = Path(os.path.realpath(masks))
    stems = {key(path.stem) for path in roots} | {key(path.name) for path in roots}

    def is_mask(path: Path) -> bool:
        real = Path(os.path.realpath(path))
        if folder not in real.parents:
            return False
        named = any(marked and name in stems for name, marked in keys_of(path).items())
        return named or any(part in FOLDERS for part in folders_of(real.relative_to(folder)))

    return {path: root for path, root in roots.items() if not is_mask(path)}


def folders_of(path: PurePath) -> tuple[str, ...]:
    return tuple(map(key, path.parent.parts))


class Masks:
    """The masks below a folder, to be found by the names of photographs."""

    def __init__(self, folder: Path, photos: Iterable[Path]):
        self.folder = folder
        used, self._homes = set(), dict[str, set[Path]]()
        for photo in photos:
            used.add(os.path.realpath(photo))
            self._homes.setdefault(key(photo.stem), set()).add(Path(os.path.abspath(photo)).parent)
        self._files: dict[str, list[Path]] = {}
        for path in find_images(folder):
            if os.path.realpath(path) not in used:
                for name in keys_of(path):
                    self._files.setdefault(name, []).append(path)

    def of(self, photo: Path) -> Path:
        """The mask of a photograph; a ValueError if there is none, or if it cannot be told which it is.

        A mask in a sub-folder belongs to the photographs in a folder of that name; one that lies in the folder itself
        to those of its name, if they lie in one folder.
        """
        found = {*self._files.get(key(photo.name), ()), *self._files.get(key(photo.stem), ())}
        homes = tuple(map(key, Path(os.path.abspath(photo)).parent.parts))
        near: dict[int, list[Path]] = {}
        for path in sorted(found):
            inner = tuple(name for name in folders_of(path.relative_to(self.folder)) if name not in FOLDERS)
            if homes[len(homes) - len(inner) :] == inner:
                near.setdefault(len(inner), []).append(path)
        best = near[max(near)] if near else []
        if best and max(near) == 0 and len(self._homes.get(key(photo.stem), ())) > 1:
            raise ValueError(
                f"{best[0]} could be the mask of any of the photographs of this name; "
                f"put the masks into folders called as those of the photographs, for example {photo.parent.name}/"
            )
        return self._one(photo, best, found)

    def _one(self, photo: Path, best: list[Path], found: set[Path]) -> Path:
        if not best:
            elsewhere = f", only {min(found)}, which lies in a folder of another name" if found else ""
            raise ValueError(
                f"{self.folder} holds no mask for it{elsewhere}; looked for {photo.stem}.png, {photo.stem}_mask.png "
                "and the like, there and in folders called as that of the photograph"
            )
        same = [
            path for path in best if unicodedata.normalize("NFC", path.stem) == unicodedata.normalize("NFC", photo.stem)
        ]
        if len(same) == 1 and all(key(path.stem) == key(photo.stem) for path in best):
            return same[0]  # the others differ in case
        if len(best) > 1:
            raise ValueError(
                f"{' and '.join(map(str, best[:3]))} could each be its mask; keep one of them, or name it with --hole"
            )
        return best[0]


def mask_of(photo: Path, hole: Path, masks: Masks | None) -> Path:
    """The file of a photograph's mask. hole: what was named, a file or (with `masks`) a folder."""
    mask = hole if masks is None else masks.of(photo)
    if os.path.exists(mask) and os.path.realpath(mask) == os.path.realpath(photo):
        raise ValueError(f"{mask} is the photograph itself, not a mask; for its transparent part, give --hole alpha")
    return mask
