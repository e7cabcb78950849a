"""Say what is probably wrong with a training run."""

import dataclasses

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Read a run's log and say in words what is probably wrong, with the evidence and what to try."""

    run: tyro.conf.Positional[str]
    """Folder of a training run, finished or not."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan doctor")
    from dgan_jax.cli.screen import console
    from dgan_jax.doctor import course_of, diagnose

    course = course_of(options.run)
    steps = [row["step"] for row in course.rows]
    console.print(f"{options.run}: {len(steps)} lines of log, up to step {max(steps)}")
    findings = diagnose(course)
    for finding in findings:
        console.print(f"\n[bold]{finding.what}[/bold]\n  because  {finding.evidence}\n  try      {finding.advice}")
    if not findings:
        console.print("nothing looks wrong; see also the pictures in samples/")
    return 0
