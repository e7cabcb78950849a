"""A training run as one file of weights: dgan export RUN -o mine.safetensors"""

import dataclasses
from typing import Annotated, Literal

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Write the networks that a run restores with, its config and what it cost, as NAME.safetensors, and NAME.json with
    its SHA-256 beside it. Whatever takes a run takes the file: dgan restore, evaluate, compare, sample."""

    run: tyro.conf.Positional[str]
    """Folder of a training run; what is chosen behind an @ becomes what the file restores with unasked:
    runs/mine@realism=0."""
    out: Annotated[str, tyro.conf.arg(aliases=["-o"])]
    """NAME.safetensors."""
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    """Of the parameters in the file: the last two take half the room."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan export")
    from dgan_jax import api

    digest = api.export(options.run, options.out, dtype=options.dtype)
    print(f"written: {options.out}, SHA-256 {digest}")
    return 0
