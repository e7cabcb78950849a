"""Restore photographs: dgan restore inpaint photo.jpg --hole mask.png -o out/"""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Restore photographs of any size. Known pixels come back bit for bit; results are PNG files in the output folder."""

    task: tyro.conf.Positional[str]
    """What is wrong with the photographs: inpaint (parts are missing)."""
    photos: tyro.conf.Positional[tuple[str, ...]]
    """Image files, or folders of them."""
    hole: str
    """Mask of the missing pixels (white = missing), of the image's size; or a folder with one mask per image, by the same name."""
    out: Annotated[str, tyro.conf.arg(aliases=["-o"])] = "restored"
    """Output folder."""
    run: str | None = None
    """Folder of a training run to restore with."""
    system: str | None = None
    """Or a classical system by name, for example biharmonic or telea."""
    samples: int = 1
    """How many different restorations of each photograph."""
    seed: int = 0
    polarity: Literal["auto", "white-hole", "white-keep"] = "auto"
    """What white means in the mask; auto is white-hole."""
    tile: int = 512
    """Larger photographs are restored in overlapping windows of this side."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan restore")
    from dgan_jax import api
    from dgan_jax.cli.screen import console, counting
    from dgan_jax.data.images import find_images, read_image, read_mask, write_image

    api.check_task(options.task, ("inpaint",))
    if options.samples < 1:
        raise ValueError(f"--samples must be at least 1, got {options.samples}")
    files = [file for photo in options.photos for file in (find_images(Path(photo)) if Path(photo).is_dir() else [Path(photo)])]
    if not files:
        raise ValueError(f"no image files in {', '.join(options.photos)}; give a photograph or a folder of them")
    restore = api.restoring(options.task, run=options.run, system=options.system, tile=options.tile)
    failed = 0
    with counting("restoring", len(files)) as count:
        for i, file in enumerate(files):
            try:
                image = read_image(file)
                mask = Path(options.hole)
                if mask.is_dir():
                    mask = next((m for m in sorted(mask.iterdir()) if m.stem == file.stem), mask / f"{file.stem}.png")
                version = restore(image, hole=read_mask(mask, polarity=options.polarity), seed=options.seed)
                for n in range(options.samples):
                    name = f"{file.stem}.png" if options.samples == 1 else f"{file.stem}_{n + 1}.png"
                    write_image(Path(options.out) / name, version(n))
                    console.print(f"{Path(options.out) / name}")
            except ValueError as error:
                failed += 1
                print(f"dgan restore: {file}: {error}", file=sys.stderr)
            count(i + 1)
    if failed:
        print(f"dgan restore: {failed} of {len(files)} not restored", file=sys.stderr)
    return 2 if failed else 0
