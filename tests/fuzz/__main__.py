"""Fuzz every entrance: python -m tests.fuzz [--count 2000] [--seed 0] [--entrance NAME]

Ends with exit code 1 if any input led to a traceback, a hang, a partial output, too much memory, or was accepted where
it must not be.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dgan_jax.cli import environment

environment.prepare()
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), "--xla_backend_optimization_level=0"])
sys.path.append(str(Path(__file__).parents[1]))  # torch_writer, as the tests find it

from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import track  # noqa: E402
from rich.table import Table  # noqa: E402

from . import bombs, good  # noqa: E402
from .entrances import ENTRANCES, SHARES  # noqa: E402
from .judge import Case, Verdict, judge, resident  # noqa: E402

GROWTH = 2**30
"""Memory that a process may have gained after all inputs of one entrance."""

Outcome = tuple[Case | bombs.Bomb, Verdict]


def draw_cases(name: str, count: int, start: int, each: Callable[[], None]) -> list[Outcome]:
    """The verdicts of about `count` inputs of an entrance."""
    found: list[Outcome] = []

    @seed(start)
    @settings(
        max_examples=count, phases=[Phase.generate], database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(ENTRANCES[name].cases())
    def one(case: Case) -> None:
        found.append((case, judge(case)))
        each()

    one()
    return found


def row(name: str, found: list[Outcome], grown: int) -> list[str]:
    verdicts = [verdict for _, verdict in found]
    faults = sum(bool(verdict.fault) for verdict in verdicts)
    accepted = sum(verdict.accepted for verdict in verdicts)
    return [
        name, str(len(found)), str(len(found) - accepted - faults), str(accepted), str(faults),
        f"{max(verdict.seconds for verdict in verdicts):.2f}", f"{max(verdict.bytes for verdict in verdicts) >> 20}",
        f"{grown >> 20}",
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="inputs, over all entrances")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--entrance", choices=[*ENTRANCES, "bombs"], help="only this one")
    options = parser.parse_args()
    console, clock = Console(width=None if sys.stdout.isatty() else 140), time.perf_counter()
    table = Table(
        "entrance", "inputs", "refused", "accepted", "faults", "slowest s", "peak MiB", "growth MiB", title="fuzz"
    )
    faults: list[tuple[str, Case | bombs.Bomb, str]] = []
    total = 0
    for name in [options.entrance] if options.entrance else [*ENTRANCES, "bombs"]:
        good.run()  # loads what is loaded once
        before = resident()
        if name == "bombs":
            found: list[Outcome] = [(bomb, bombs.explode(bomb)) for bomb in track(bombs.BOMBS, "bombs")]
        else:
            count = options.count if options.entrance else -(-options.count * ENTRANCES[name].share // SHARES)
            console.print(f"[dim]{name}: {count} inputs[/dim]")
            found = draw_cases(name, count, options.seed, lambda: None)
        grown = max(0, resident() - before)
        table.add_row(*row(name, found, grown))
        faults += [(name, case, verdict.fault) for case, verdict in found if verdict.fault]
        if grown > GROWTH:
            faults.append((name, found[0][0], f"the process grew by {grown >> 20} MiB"))
        total += len(found)
    console.print(table)
    shown: dict[str, int] = {}
    for name, case, fault in faults:
        shown[fault[:80]] = shown.get(fault[:80], 0) + 1
        if shown[fault[:80]] <= 2:
            console.print(f"{name}: {fault}\n    {case!s:.900}", style="red", markup=False, highlight=False)
    console.print(f"{total} inputs, {len(faults)} faults, {time.perf_counter() - clock:.0f} s, seed {options.seed}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
