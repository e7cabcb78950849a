"""Restore photographs: dgan restore inpaint photo.jpg --hole mask.png -o out/"""

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from dgan_jax.cli.restoring import Work, restore_all, say


@dataclasses.dataclass(frozen=True)
class Options:
    """Restore photographs of any size. Results have the format, depth, colour profile, EXIF and transparency of the
    photographs, and pixels outside a hole come back bit for bit where the format has no losses. They go into the output
    folder, in sub-folders as the photographs are. Nothing that is there already is replaced."""

    task: tyro.conf.Positional[str]
    """What is wrong with the photographs: inpaint (parts are missing), superres (too small), denoise, deblur, dehaze,
    jpeg (strongly compressed), or mixture (several of these)."""
    photos: tyro.conf.Positional[tuple[str, ...]]
    """Image files, folders of them, or patterns such as "scans/*.jpg"."""
    hole: str | None = None
    """Mask of missing pixels (white), of the image's size; a folder with one mask per image, by the same name, with
    _mask or not, in the same sub-folders; or alpha: the transparent part of the photograph."""
    grow: int = 0
    """Pixels by which the hole is widened."""
    sigma: float | None = None
    """denoise: standard deviation of the noise in grey levels of 255; estimated if it is not given."""
    quality: float | None = None
    """jpeg: quality of the compression, 1 to 100; read from the file if it is not given."""
    kernel: str | None = None
    """deblur with known kernels: a picture of the kernel, bright where light went; its sum becomes 1."""
    level: tuple[str, ...] = ()
    """mixture: what is wrong and how much, as KIND=VALUE, for example noise=25 jpeg=40; what is not named is absent."""
    out: Annotated[str, tyro.conf.arg(aliases=["-o"])] = "restored"
    """Output folder."""
    format: Literal["", "png", "jpg", "webp", "avif", "tif", "jp2"] = ""
    """Format of the results; default: each photograph's own, where it can be written, else PNG."""
    again: bool = False
    """Restore anew what an earlier call has written; otherwise results of the same command are left as they are."""
    run: str | None = None
    """Folder of a training run to restore with, or weights by file or name; if neither this nor a system is given, the
    weights dgan_photos, which come with the package: inpaint, superres (4 times larger) and denoise."""
    system: str | None = None
    """Instead, a classical system by name, for example biharmonic or telea; or, with a run, a solver that restores with
    what the run has learnt, for example repaint."""
    realism: float | None = None
    """Of systems that have it (dgan): from 0, the least error, to 1, the most realistic."""
    steps: int | None = None
    """Network calls of the chain, for example 1, 2 or 4 of dgan; of a solver, its steps."""
    refine: bool | None = None
    """Of systems that have it (dgan): whether the second stage corrects the first."""
    choose: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """What else the system leaves to choose, as NAME=VALUE, as often as needed: --choose steps=50."""
    samples: int = 1
    """How many different restorations of each photograph."""
    seed: int = 0
    polarity: Literal["auto", "white-hole", "white-keep"] = "auto"
    """What white means in the mask; auto is white-hole."""
    tile: int | None = None
    """Larger results are restored in overlapping windows of this side; chosen by the memory at hand if not given."""
    megapixels: float = 100.0
    """Image files of more pixels are refused before they are decoded; raise it for files that you trust."""

    def levels(self) -> dict[str, float]:
        """The levels that the options tell, by name."""
        named = (("sigma", self.sigma), ("quality", self.quality))
        told = {name: value for name, value in named if value is not None}
        for entry in self.level:
            kind, _, value = entry.partition("=")
            try:
                told[kind] = float(value)
            except ValueError:
                raise ValueError(f"--level takes KIND=VALUE, for example noise=25, got {entry!r}") from None
        return told

    def choices(self) -> dict[str, Any]:
        """What the options choose of a run's system."""
        from dgan_jax.core.targets import chosen

        wanted = {"realism": self.realism, "steps": self.steps, "refine": self.refine}
        named = {name: value for name, value in wanted.items() if value is not None}
        return named | chosen(self.choose, "--choose takes NAME=VALUE")

    def check(self) -> None:
        """A ValueError for what can be seen to be wrong before any file is opened."""
        from dgan_jax import api

        if not 1 <= self.samples <= 1000:
            raise ValueError(f"--samples must be between 1 and 1000, got {self.samples}")
        if self.grow < 0:
            raise ValueError(f"--grow takes a number of pixels of at least 0, got {self.grow}")
        api.check_task(self.task)
        if self.task == "inpaint" and self.hole is None:
            raise ValueError(
                "inpainting needs a hole, the mask of the missing pixels; give --hole MASK, white = missing"
            )
        if not self.megapixels > 0:
            raise ValueError(f"--megapixels must be more than 0, got {self.megapixels}")
        self.levels()


def plan(options: Options) -> Work:
    """What is to be restored, and where to."""
    from dgan_jax import api
    from dgan_jax.data import left_out
    from dgan_jax.data.ledger import Ledger
    from dgan_jax.data.matching import Masks, find_photos, result_names
    from dgan_jax.data.photo_files import ending_of

    out = Path(options.out)
    folder = Path(options.hole) if options.hole not in (None, "alpha") and Path(str(options.hole)).is_dir() else None
    found = find_photos(options.photos, not_below=[out, *([folder] if folder else [])], masks=folder)
    if found.others:
        say(left_out.summary(found.others), error=True)
    number = lambda place, n: place if options.samples == 1 else place.with_name(f"{place.stem}_{n + 1}{place.suffix}")
    results = {
        file: [number(place, n) for n in range(options.samples)]
        for file, place in result_names(found.photos, lambda place: ending_of(place, options.format)).items()
    }
    restorer = functools.partial(
        api.restoring,
        options.task,
        run=options.run,
        system=options.system,
        tile=options.tile,
        choices=options.choices(),
    )
    return Work(options, results, Ledger(out), None if folder is None else Masks(folder, found.photos), restorer)


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan restore")
    options.check()
    work = plan(options)
    failed = restore_all(work)
    if failed:
        print(f"dgan restore: {failed} of {len(work.results)} not restored", file=sys.stderr)
    return 2 if failed else 0
