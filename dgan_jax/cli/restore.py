"""Restore photographs: dgan restore inpaint photo.jpg --hole mask.png -o out/"""

import dataclasses
import functools
import sys
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

import tyro

from dgan_jax.cli.restoring import Work, hole_kind, restore_all, say

MOST_PIXELS = 10_000


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
    _mask or not, in the same sub-folders; or alpha: the transparent part of the photograph; or a box in pixels,
    box:X,Y,W,H (more of them joined by +); or a colour, colour:#rrggbb, of which colour:#rrggbb~N allows a difference
    of N of 255."""
    grow: int = 0
    """Pixels by which the hole is widened."""
    feather: int = 0
    """Pixels, outside of the hole, over which the photograph becomes the result by and by."""
    scale: float | None = None
    """superres: how many times larger; default: what the weights have learnt (dgan_photos: 4), classical systems 4.
    Other sizes come of the nearest of 2, 3, 4 and 8 that can be had, and a resize."""
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
    """Of systems that have it (dgan, completion): from 0, the least error, to 1, the most realistic. Default of dgan:
    0, as in dgan evaluate, unless the file was exported with another; with several --samples 1. Of completion: 1."""
    steps: int | None = None
    """Network calls of the chain, for example 1, 2 or 4 of dgan; of a solver, its steps."""
    refine: bool | None = None
    """Of systems that have it (dgan): whether the second stage corrects the first."""
    choose: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """What else the system leaves to choose, as NAME=VALUE, as often as needed: --choose steps=50; of a classical
    system any of its options, as in --system exemplar --choose patch=13."""
    samples: int = 1
    """How many different restorations of each photograph. Of several, their mean, a map of what is invention (where
    they differ) and a contact sheet are written beside them."""
    overlay: bool = False
    """Also write the photograph with its hole in red, as NAME_hole.png."""
    report: str | None = None
    """A JSON file on all photographs: seconds, coverage and seam of the hole, what was estimated, what was lost."""
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
        from dgan_jax import api, systems

        if not 1 <= self.samples <= 1000:
            raise ValueError(f"--samples must be between 1 and 1000, got {self.samples}")
        for name in ("grow", "feather"):
            if not 0 <= getattr(self, name) <= MOST_PIXELS:
                raise ValueError(f"--{name} takes 0 to {MOST_PIXELS} pixels, got {getattr(self, name)}")
        api.check_task(self.task)
        if self.system is not None:
            systems.find(self.system)
        if self.scale is not None and (self.task != "superres" or not 1 < self.scale <= 16):
            raise ValueError(f"--scale is for superres, and between 1 and 16, got {self.scale:g} for {self.task}")
        if self.hole is None and (self.overlay or self.feather):
            raise ValueError(f"{'--overlay' if self.overlay else '--feather'} needs a hole; give --hole MASK")
        if self.report is not None:
            from dgan_jax.restore.account import check_report

            check_report(Path(self.report))
        if self.task == "inpaint" and self.hole is None:
            raise ValueError(
                "inpainting needs a hole, the mask of the missing pixels; give --hole MASK (white = missing), "
                "alpha, box:X,Y,W,H or colour:#rrggbb"
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
    from dgan_jax.restore.account import Report

    out = Path(options.out)
    named = options.hole if hole_kind(options.hole) == "file" else None
    folder = Path(named) if named is not None and Path(named).is_dir() else None
    found = find_photos(options.photos, not_below=[out, *([folder] if folder else [])], masks=folder)
    if found.others:
        say(left_out.summary(found.others), error=True)
    number = lambda place, n: place if options.samples == 1 else place.with_name(f"{place.stem}_{n + 1}{place.suffix}")
    results = {
        file: [number(place, n) for n in range(options.samples)]
        for file, place in result_names(found.photos, lambda place: ending_of(place, options.format)).items()
    }
    extras = {file: extra_places(options, places[0]) for file, places in results.items()}
    taken = {place for places in results.values() for place in places}
    for file, places in extras.items():
        for what, place in places.items():
            if place in taken:
                raise ValueError(f"{place} would be both a result and what is told of {file} ({what}); rename one")
    restorer = functools.partial(
        api.restoring,
        options.task,
        run=options.run,
        system=options.system,
        tile=options.tile,
        choices=options.choices(),
        scale=options.scale,
        samples=options.samples,
    )
    masks = None if folder is None else Masks(folder, found.photos)
    return Work(options, results, extras, Ledger(out), masks, restorer, Report(dataclasses.asdict(options)))


def extra_places(options: Options, first: PurePath) -> dict[str, PurePath]:
    """What is written beside the results of a photograph: by what it is, places below the output folder."""
    stem = first.stem.removesuffix("_1") if options.samples > 1 else first.stem
    places = {}
    if options.samples > 1:
        places["mean"] = first.with_name(f"{stem}_mean{first.suffix}")
        places |= {what: first.with_name(f"{stem}_{what}.png") for what in ("invention", "contact")}
    if options.overlay:
        places["hole"] = first.with_name(f"{stem}_hole.png")
    return places


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan restore")
    options.check()
    work = plan(options)
    try:
        failed = restore_all(work)
    finally:
        if options.report is not None:
            work.report.write(Path(options.report))
    if failed:
        print(f"dgan restore: {failed} of {len(work.results)} not restored", file=sys.stderr)
    return 2 if failed else 0
