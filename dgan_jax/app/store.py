"""What was uploaded: files in a folder of our own, under names of our own."""

import collections
import dataclasses
import secrets
import shutil
import threading
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from dgan_jax.app.orders import Result
from dgan_jax.app.pictures import write_png


@dataclasses.dataclass(frozen=True)
class Limits:
    """Of an upload, and of what is kept of all uploads, the oldest of which are forgotten first."""

    megabytes: float = 200.0
    megapixels: float = 50.0
    photos: int = 32
    holes: int = 64


class Upload(NamedTuple):
    """A photograph or a hole. picture: what a browser can show of it; transparent: whether parts of it are."""

    id: str
    name: str
    file: Path
    picture: Path
    width: int
    height: int
    about: str
    transparent: bool


def plain_name(name: str) -> str:
    """A name that a client gave, without folders and characters that are none; nothing is opened by it."""
    name = PureWindowsPath(PurePosixPath(name).name).name
    kept = "".join(c for c in name if c.isprintable() and c not in '<>:"/\\|?*')[-120:].strip(" .")
    return kept or "photograph.png"


class Store:
    """Uploads by their ids, which cannot be guessed."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        self.photos: collections.OrderedDict[str, Upload] = collections.OrderedDict()
        self.holes: collections.OrderedDict[str, Upload] = collections.OrderedDict()
        self.lock = threading.Lock()

    def place(self) -> Path:
        """A new folder."""
        place = self.folder / secrets.token_hex(12)
        place.mkdir()
        return place

    def photo(self, file: Path, name: str) -> Upload:
        """A photograph that lies in a folder of its own, read once, so that what is wrong with it is said at once."""
        from dgan_jax.data.photo_files import read_photo

        photo = read_photo(file, megapixels=self.limits.megapixels)
        native = photo.native
        write_png(picture := file.parent / "shown.png", native.eight())
        height, width, channels = native.pixels.shape
        kind = {1: "grey", 3: "colour", 4: "CMYK"}[channels]
        alpha = native.alpha is not None
        about = f"{photo.format}, {kind}, {native.bits} bits{', transparency' if alpha else ''}"
        transparent = native.alpha is not None and bool((native.alpha < native.top).any())
        upload = Upload(secrets.token_urlsafe(16), name, file, picture, width, height, about, transparent)
        return self.keep(self.photos, upload, self.limits.photos)

    def go_on(self, result: Result) -> Upload:
        """A result as a photograph."""
        file = self.place() / f"file{result.file.suffix}"
        shutil.copyfile(result.file, file)
        return self.photo(file, result.name)

    def mask(self, file: Path, photo: Upload, polarity: str) -> Upload:
        """A mask file as the hole of a photograph."""
        from dgan_jax.data.masks import read_mask

        return self.hole(file.parent, photo, read_mask(file, polarity, megapixels=self.limits.megapixels))

    def transparent(self, photo: Upload) -> Upload:
        """The transparent part of a photograph as its hole."""
        from dgan_jax.data.images import read_native
        from dgan_jax.data.masks import hole_of

        native = read_native(photo.file, megapixels=self.limits.megapixels)
        return self.hole(self.place(), photo, hole_of(native, photo.name))

    def hole(self, place: Path, photo: Upload, hole) -> Upload:
        """hole: [H, W, 1] of 0 and 1."""
        height, width = hole.shape[:2]
        if (height, width) != (photo.height, photo.width):
            raise ValueError(
                f"the mask is {width}x{height} pixels, the photograph {photo.width}x{photo.height}; "
                "give a mask of the photograph's size"
            )
        picture = place / "hole.png"
        write_png(picture, (hole * 255).astype("uint8"))
        upload = Upload(secrets.token_urlsafe(16), "hole.png", picture, picture, width, height, "a hole", False)
        return self.keep(self.holes, upload, self.limits.holes)

    def keep(self, uploads: "collections.OrderedDict[str, Upload]", upload: Upload, most: int) -> Upload:
        with self.lock:
            uploads[upload.id] = upload
            while len(uploads) > most:
                shutil.rmtree(uploads.popitem(last=False)[1].file.parent, ignore_errors=True)
        return upload
