"""Say what is probably wrong with a training run."""

import dataclasses
from pathlib import Path

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Read a run's log and say in words what is probably wrong, with the evidence and what to try."""

    run: tyro.conf.Positional[str]
    """Folder of a training run, finished or not."""


def pictures_of(run: str) -> str:
    """Where to see what a run makes."""
    samples = Path(run) / "samples"
    if any(samples.glob("*.png")):
        return f"see also the pictures in {samples}"
    return f"see also what it makes: dgan evaluate {run} -o report writes pictures (train.sample_every wrote none)"


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
        console.print(f"nothing looks wrong; {pictures_of(options.run)}", soft_wrap=True)
    return 0
