"""Train the classifier behind the metrics is_cifar, fid_cifar and their like: dgan judge --data TRAIN.npz"""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """The package has this network already (see docs/metrics.md). This is how it was made, in half an hour of one core:
    half a million parameters, ten epochs of CIFAR-10. Stop it whenever you like: the same command goes on at the last
    whole epoch."""

    data: Path
    """The training images, a .npz with label, and image (uint8 [N, 32, 32, 3]) or jpeg and offset (files on end)."""
    test: Path
    """The test images, in the same form. They do not enter the training."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """NAME.safetensors."""
    epochs: int = 10


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan judge")
    from dgan_jax.train.cifar_classifier import Recipe, judge

    if options.out.suffix != ".safetensors":
        raise ValueError(f"weights go into a file NAME.safetensors, got {options.out}")
    judge(options.data, options.test, options.out, recipe=Recipe(epochs=options.epochs))
    return 0
