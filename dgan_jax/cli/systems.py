"""List every system: family, task, one line, paper."""

import dataclasses

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """List every system: family, tasks, what it is, where it comes from."""

    task: str | None = None
    """Only systems that do this task."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan systems")
    from dgan_jax import api
    from dgan_jax.cli.screen import table

    rows = [row for row in api.systems(options.task)]
    table(
        "",
        ["system", "family", "tasks", "what", "source"],
        [(r.name, r.family, ", ".join(r.tasks), r.what, r.paper) for r in rows],
        left=5,
    )
    return 0
