"""Train a system from a config; resumes by itself."""

import dataclasses
import sys
from typing import Any

import tyro

USAGE = """usage: dgan train CONFIG [--out FOLDER] [--data.name FOLDER ...] [any field of the config]

Train a system. CONFIG is a name or the path of a Python file; dgan train CONFIG --help lists every field.
Run the same command again after a kill: it goes on from the newest checkpoint.

configs: """


def main(arguments: list[str]) -> int:
    from dgan_jax.train import configs

    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE + ", ".join(configs.known()))
        return 0 if arguments else 2
    name, rest = arguments[0], arguments[1:]
    default = configs.load(name)
    folder = f"runs/{name.rpartition('/')[2].removesuffix('.py')}"
    fields: list[tuple[str, Any, Any]] = [("out", str, dataclasses.field(default=folder))]
    fields += [("hosts", bool, dataclasses.field(default=False))]
    fields += [
        (f.name, type(getattr(default, f.name)), dataclasses.field(default=getattr(default, f.name)))
        for f in dataclasses.fields(default)
    ]
    options: Any = tyro.cli(
        dataclasses.make_dataclass("Options", fields, frozen=True), args=rest, prog=f"dgan train {name}",
        description="Train a system. --out: folder of the run (checkpoints, log, pictures). "
        "--hosts: join the other hosts of a TPU pod or cluster first (start the same command on each).",
    )  # fmt: skip
    experiment = dataclasses.replace(default, **{f.name: getattr(options, f.name) for f in dataclasses.fields(default)})

    from dgan_jax.cli.screen import training
    from dgan_jax.train.loop import train
    from dgan_jax.train.parallel import join_hosts

    if options.hosts:
        join_hosts()

    with training() as observe:
        train(experiment, options.out, observe=observe)
    print(f"done: {options.out}. Now try: dgan evaluate {options.out}", file=sys.stdout)
    return 0
