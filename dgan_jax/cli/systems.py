"""List every system, or those that a word finds: dgan systems inpaint"""

import dataclasses

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """List every system: family, tasks, what it is, where it comes from."""

    words: tyro.conf.Positional[tuple[str, ...]] = ()
    """Only systems that all of these words fit: a task, a family, part of a name or of a description."""
    task: str | None = None
    """Only systems that do this task."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan systems")
    from dgan_jax import api
    from dgan_jax.cli.screen import table

    rows = api.systems(options.task, words=options.words)
    table(
        "",
        ["system", "family", "tasks", "what", "source"],
        [(r.name, r.family, ", ".join(r.tasks), r.what, r.paper) for r in rows],
        left=5,
    )
    return 0
