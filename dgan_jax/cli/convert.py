"""Turn a published PyTorch file into a run, or a metric's weights: dgan convert netG_1200.pth --config ddgan_cifar10"""

import dataclasses
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Read a file of the published code, executing nothing in it. With --config, write a run that dgan sample, evaluate
    and train take; with --network, write weights that metrics such as fid and lpips_alex look through."""

    file: tyro.conf.Positional[str]
    """A .pth file, for example netG_1200.pth (averaged generator weights) or alexnet-owt-7be5be79.pth."""
    config: str | None = None
    """Name or path of the config that describes the checkpoint's network."""
    network: str | None = None
    """inception_v3_fid, alexnet, vgg16, vgg16_fc2, vgg19 or squeezenet1_1."""
    out: Annotated[str | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the run (default: runs/ and the file's name) or of the weights (default: DGAN_WEIGHTS, or weights)."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan convert")
    if (options.config is None) == (options.network is None):
        raise ValueError(
            "give either --config (the file is a checkpoint of a system) or --network (a metric's network); "
            "for example --config ddgan_cifar10 or --network inception_v3_fid"
        )
    return to_run(options, options.config) if options.config is not None else to_weights(options)


def to_run(options: Options, config: str) -> int:
    from pathlib import Path

    from dgan_jax import api, tasks
    from dgan_jax.cli.screen import console
    from dgan_jax.train.runs import experiment_of

    out = Path(options.out or f"runs/{Path(options.file).stem}")
    counts = api.convert(options.file, config, out)
    for player, count in counts.items():
        console.print(f"{player}: {count:,} parameters")
    verb = "sample" if tasks.name_of(experiment_of(out).task) == "generate" else "evaluate"
    console.print(f"written: {out}. Now try: dgan {verb} {out}")
    return 0


def to_weights(options: Options) -> int:
    import os

    from dgan_jax.cli.screen import console
    from dgan_jax.convert.metric_weights import convert
    from dgan_jax.pretrained import NETWORKS, VARIABLE

    assert options.network is not None
    out = options.out or os.environ.get(VARIABLE) or "weights"
    done = convert(options.file, options.network, out)
    console.print(f"{options.network}: {done.parameters:,} parameters, from a file of SHA-256 {done.source_sha256}")
    if not done.published:
        known = " or ".join(NETWORKS[options.network].files)
        console.print(f"[yellow]this is not {known}: figures from it compare with none that is published[/yellow]")
    console.print(f"written: {done.path}. Metrics find it by {VARIABLE}={out}")
    return 0
