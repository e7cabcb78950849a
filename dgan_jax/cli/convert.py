"""Turn a published PyTorch file into a run, or a metric's weights: dgan convert RealESRGAN_x4plus.pth"""

import dataclasses
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Read a file of the published code, executing nothing in it, and write a run that dgan restore, sample, evaluate
    and train take. What the file holds is told by the names and shapes of its tensors, or by --config; with --network,
    write weights that metrics such as fid and lpips_alex look through."""

    file: tyro.conf.Positional[str]
    """A .pth file, for example RealESRGAN_x4plus.pth, netG_1200.pth or alexnet-owt-7be5be79.pth."""
    config: str | None = None
    """Name or path of the config that describes the checkpoint's network, where its tensors do not tell it."""
    task: str | None = None
    """Of a network that leaves the size as it is, what it undoes, which its tensors do not tell: jpeg, denoise or
    deblur."""
    network: str | None = None
    """inception_v3_fid, alexnet, vgg16, vgg16_fc2, vgg19 or squeezenet1_1."""
    out: Annotated[str | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the run (default: runs/ and the file's name) or of the weights (default: DGAN_WEIGHTS, or weights)."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan convert")
    if options.network is None:
        return to_run(options)
    if options.config is not None:
        raise ValueError(
            "give either --config (the file is a checkpoint of a system) or --network (a metric's network), or neither "
            "where its tensors tell the system"
        )
    return to_weights(options)


def to_run(options: Options) -> int:
    from pathlib import Path

    from dgan_jax import api, tasks
    from dgan_jax.cli.screen import console
    from dgan_jax.train.runs import experiment_of

    out = Path(options.out or f"runs/{Path(options.file).stem}")
    tell = lambda words: console.print(f"found: {words}", highlight=False) if words else None
    counts = api.convert(options.file, options.config, out, task=options.task, tell=tell)
    for player, count in counts.items():
        console.print(f"{player}: {count:,} parameters")
    task = tasks.name_of(experiment_of(out).task)
    tries = f"dgan sample {out}" if task == "generate" else f"dgan restore {task} PHOTO --run {out}"
    console.print(f"written: {out}. Now try: {tries}", highlight=False)
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
