"""Restore photographs: dgan restore inpaint photo.jpg --hole mask.png -o out/"""

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

if TYPE_CHECKING:
    from dgan_jax.api import Restorer


@dataclasses.dataclass(frozen=True)
class Options:
    """Restore photographs of any size. Known pixels come back bit for bit; results are PNG files in the output
    folder."""

    task: tyro.conf.Positional[str]
    """What is wrong with the photographs: inpaint (parts are missing), superres (too small), denoise, deblur, dehaze,
    jpeg (strongly compressed), or mixture (several of these)."""
    photos: tyro.conf.Positional[tuple[str, ...]]
    """Image files, or folders of them."""
    hole: str | None = None
    """Mask of missing pixels (white), of the image's size; or a folder with one mask per image, by the same name."""
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
    run: str | None = None
    """Folder of a training run to restore with, or weights by file or name; if neither this nor a system is given, the
    weights dgan_photos, which come with the package: inpaint, superres (4 times larger) and denoise."""
    system: str | None = None
    """Instead, a classical system by name, for example biharmonic or telea."""
    realism: float | None = None
    """Of systems that have it (dgan): from 0, the least error, to 1, the most realistic."""
    steps: int | None = None
    """Of systems that have it (dgan): network calls of the chain, for example 1, 2 or 4."""
    refine: bool | None = None
    """Of systems that have it (dgan): whether the second stage corrects the first."""
    samples: int = 1
    """How many different restorations of each photograph."""
    seed: int = 0
    polarity: Literal["auto", "white-hole", "white-keep"] = "auto"
    """What white means in the mask; auto is white-hole."""
    tile: int = 512
    """Larger results are restored in overlapping windows of this side."""
    megapixels: float = 100.0
    """Image files of more pixels are refused before they are decoded; raise it for files that you trust."""


def levels_of(options: Options) -> dict[str, float]:
    """The levels that the options tell, by name."""
    told = {
        name: value for name, value in (("sigma", options.sigma), ("quality", options.quality)) if value is not None
    }
    for entry in options.level:
        kind, _, value = entry.partition("=")
        try:
            told[kind] = float(value)
        except ValueError:
            raise ValueError(f"--level takes KIND=VALUE, for example noise=25, got {entry!r}") from None
    return told


def find_photos(places: Sequence[str]) -> list[Path]:
    """The files that are named, and those in the folders that are named."""
    from dgan_jax.data.images import find_images

    files = [file for place in map(Path, places) for file in (find_images(place) if place.is_dir() else [place])]
    if not files:
        raise ValueError(f"no image files in {', '.join(places)}; give a photograph or a folder of them")
    return files


def results_of(files: Sequence[Path], out: Path, samples: int) -> list[list[Path]]:
    """Where the restorations of each file go; a ValueError if two would meet, or an original would be lost."""
    number = lambda n: "" if samples == 1 else f"_{n + 1}"
    results = [[out / f"{file.stem}{number(n)}.png" for n in range(samples)] for file in files]
    owner: dict[Path, Path] = {}
    originals = {os.path.realpath(file) for file in files}
    for file, paths in zip(files, results, strict=True):
        for path in paths:
            if path in owner:
                raise ValueError(f"{owner[path]} and {file} would both become {path}; restore them one by one")
            if os.path.realpath(path) in originals:
                raise ValueError(f"{path} would take the place of an original; give another folder with --out")
            owner[path] = file
    return results


def say(text: str) -> None:
    """A line as it stands: names of files may hold rich's markup, or bytes that are no text."""
    from dgan_jax.cli.screen import console

    console.print(os.fsencode(text).decode(errors="replace"), markup=False, highlight=False, soft_wrap=True)


def known_of(file: Path, options: Options, restorer: "Restorer") -> dict[str, Any]:
    """What is known of the damage of one photograph."""
    from dgan_jax.data.images import jpeg_table, read_image, read_mask
    from dgan_jax.ops.jpeg import quality_of

    known: dict[str, Any] = dict(levels_of(options))
    if options.hole is not None:
        mask = Path(options.hole)
        if mask.is_dir():
            mask = next((m for m in sorted(mask.iterdir()) if m.stem == file.stem), mask / f"{file.stem}.png")
        known["hole"] = read_mask(mask, polarity=options.polarity, megapixels=options.megapixels)
    if options.kernel is not None:
        light = read_image(options.kernel, channels=1, megapixels=options.megapixels)[..., 0].astype("float32")
        if not light.any():
            raise ValueError(f"{options.kernel} is black all over; a kernel is bright where light went")
        known["kernel"] = light / light.sum()
    if "quality" in restorer.task.ranges and "quality" not in known:
        table = jpeg_table(file, megapixels=options.megapixels)
        if table is not None:
            known["quality"] = quality_of(table)
            say(f"{file}: quality {known['quality']}, read from the file")
    return known


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan restore")
    from dgan_jax import api
    from dgan_jax.cli.screen import counting
    from dgan_jax.data.images import read_image, write_image

    if not 1 <= options.samples <= 1000:
        raise ValueError(f"--samples must be between 1 and 1000, got {options.samples}")
    api.check_task(options.task)
    if options.task == "inpaint" and options.hole is None:
        raise ValueError("inpainting needs a hole, the mask of the missing pixels; give --hole MASK, white = missing")
    if not options.megapixels > 0:
        raise ValueError(f"--megapixels must be more than 0, got {options.megapixels}")
    levels_of(options)
    files = find_photos(options.photos)
    results = results_of(files, Path(options.out), options.samples)
    wanted = {"realism": options.realism, "restore_steps": options.steps, "refine": options.refine}
    choices = {name: value for name, value in wanted.items() if value is not None}
    restorer = api.restoring(options.task, run=options.run, system=options.system, tile=options.tile, choices=choices)
    failed = 0
    with counting("restoring", len(files)) as count:
        for i, file in enumerate(files):
            try:
                image = read_image(file, channels=restorer.channels, megapixels=options.megapixels)
                known = known_of(file, options, restorer)
                photograph = restorer(image, **known, seed=options.seed)
                if "sigma" in photograph.y and "sigma" not in known:
                    sigma = 127.5 * float(photograph.y["sigma"][0])
                    say(f"{file}: noise of {sigma:.1f} grey levels, estimated within what the run has learnt")
                for n, path in enumerate(results[i]):
                    write_image(path, photograph(n))
                    say(str(path))
            except ValueError as error:
                failed += 1
                print(f"dgan restore: {file}: {error}", file=sys.stderr)
            count(i + 1)
    if failed:
        print(f"dgan restore: {failed} of {len(files)} not restored", file=sys.stderr)
    return 2 if failed else 0
