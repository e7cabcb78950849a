"""Restore a list of photographs and show them before and after, with commands and seconds: dgan gallery LIST"""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Damages photographs as a list says, restores each by the command that is shown, and writes gallery.md with a
    picture for each. What does not come out well belongs into such a list, too."""

    examples: tyro.conf.Positional[str]
    """The list, a TOML file as docs/gallery.toml, which says what its entries mean."""
    out: Annotated[str, tyro.conf.arg(aliases=["-o"])] = "gallery"
    """Output folder: gallery.md, and the pictures in images/gallery."""
    inputs: str | None = None
    """A folder for what the commands take, damaged photographs and masks, and what they write; by default it goes.
    Examples that an earlier call did there, as the list has them now, are not done again."""
    only: tuple[str, ...] = ()
    """Of the examples those whose names begin so; the page then shows these alone."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan gallery")
    from dgan_jax.cli.screen import console, counting
    from dgan_jax.compare import gallery

    sections = gallery.read(Path(options.examples), options.only)
    with counting("restoring", sum(len(section.examples) for section in sections)) as count:
        page = gallery.write(sections, Path(options.out), options.inputs, each=count)
    console.print(f"written: {page}, and its pictures in {page.parent / gallery.PICTURES}")
    return 0
