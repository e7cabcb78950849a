"""One report of a comparison: report.md, report.csv, report.tex, report.html, and the plots."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from dgan_jax.compare import beside
from dgan_jax.compare.page import page
from dgan_jax.compare.plots import plots
from dgan_jax.compare.running import Outcome
from dgan_jax.compare.tables import csv_of, latex_of, markdown, markdown_of
from dgan_jax.report import NOISE, plain, write_text

NOTE = (
    f"Bold or green is best; ≈ is within noise of the best. Brackets: {NOISE}. Time is of the machine in the protocol, "
    "compilation apart. FLOPs and memory are XLA's own figures, memory for one call on the protocol's batch; of "
    "functions on the host, memory is what Python and NumPy allocate for one image."
)


def slug(text: str) -> str:
    return re.sub(r"\W+", "-", text).strip("-").lower()


def markdown_section(outcome: Outcome, pictures: Sequence[str]) -> str:
    """A trial: table, published figures, plots, protocol."""
    report = outcome.report
    parts = [f"## {outcome.trial.title}", report.title + ".", markdown_of(outcome)]
    parts += [" ".join(report.notes())] if report.notes() else []
    absent = "; ".join(f"{name} ({why})" for name, why in outcome.absent.items())
    parts += [f"Took no part: {absent}."] if absent else []
    same, other = beside.pairs(outcome)
    if outcome.trial.published is None:
        parts.append(beside.NONE)
    else:
        parts.append(f"{beside.SAME}\n\n{markdown(beside.HEAD, same)}" if same else beside.EMPTY)
        if other:
            parts.append(f"{beside.OTHER}\n\n{markdown((*beside.HEAD, 'difference'), other)}")
    parts += [f"![{Path(name).stem}]({name})" for name in pictures]
    parts.append("\n".join(f"* `{name}`: {metric.protocol}" for name, metric in report.metrics.items()))
    protocol = json.dumps(plain(report.protocol), indent=2)
    parts.append(f"<details><summary>Protocol</summary>\n\n```json\n{protocol}\n```\n\n</details>")
    return "\n\n".join(parts)


def write(title: str, outcomes: Sequence[Outcome], out: Path) -> list[str]:
    """Into the folder of the comparison. Returns the names of the files that one reads."""
    drawn = [plots(outcome) for outcome in outcomes]
    sections = []
    for outcome, each in zip(outcomes, drawn, strict=True):
        names = [f"plots/{slug(outcome.trial.title)}-{name}.png" for name in each]
        (out / "plots").mkdir(parents=True, exist_ok=True)
        for name, png in zip(names, each.values(), strict=True):
            (out / name).write_bytes(png)
        sections.append(markdown_section(outcome, names))
        write_text(out / f"images-{slug(outcome.trial.title)}.csv", outcome.report.images_csv())
    files = {
        "report.md": "\n\n".join([f"# {title}", NOTE, *sections]) + "\n",
        "report.csv": csv_of(outcomes),
        "report.tex": "\n\n".join(latex_of(outcome) for outcome in outcomes) + "\n",
        "report.html": page(title, NOTE, outcomes, drawn),
    }
    for name, text in files.items():
        write_text(out / name, text)
    return list(files)
