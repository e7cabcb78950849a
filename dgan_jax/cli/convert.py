"""Turn a published PyTorch checkpoint into a run: dgan convert netG_1200.pth --config ddgan_cifar10"""

import dataclasses
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Read a checkpoint of the published code, executing nothing in it, and write a run that dgan sample, evaluate and
    train take."""

    file: tyro.conf.Positional[str]
    """A .pth file, for example netG_1200.pth (averaged generator weights)."""
    config: str
    """Name or path of the config that describes its network."""
    out: Annotated[str | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the run; default: runs/ and the file's name."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan convert")
    from pathlib import Path

    from dgan_jax import api
    from dgan_jax.cli.screen import console

    out = Path(options.out or f"runs/{Path(options.file).stem}")
    counts = api.convert(options.file, options.config, out)
    for player, count in counts.items():
        console.print(f"{player}: {count:,} parameters")
    console.print(f"written: {out}. Now try: dgan sample {out}")
    return 0
