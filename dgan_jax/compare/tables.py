"""The table of a trial as Markdown, CSV and LaTeX."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from dgan_jax.compare.running import Outcome
from dgan_jax.report import BEST, NEAR, number

COSTS = ("family", "parameters", "calls", "GFLOP/image", "ms/image", "peak MiB", "training")
UNKNOWN = "–"
MARKS = {BEST: " (best)", NEAR: " (≈ best)", "": ""}


class Cell(NamedTuple):
    """What is read, what is sorted by, and how it stands: best, near or nothing."""

    text: str
    value: float | str
    mark: str = ""


class Row(NamedTuple):
    name: str
    costs: tuple[Cell, ...]
    figures: dict[str, Cell]


def amount(value: float | None, digits: str = ".3g") -> Cell:
    """A number that may be unknown."""
    if value is None or math.isnan(value):
        return Cell(UNKNOWN, math.inf)
    return Cell(f"{value:,.0f}" if value >= 1000 else f"{value:{digits}}", value)


def count(value: int) -> Cell:
    """Of parameters."""
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if value >= size:
            return Cell(f"{value / size:.3g} {unit}", value)
    return Cell(str(value), value)


def training(about: dict[str, Any]) -> Cell:
    """What the weights cost; nothing where there are none."""
    told = about["training"]
    if told is None:
        return Cell("none" if not about["parameters"] else UNKNOWN, 0.0)
    if told["seconds"] is None:
        return Cell("not recorded", math.inf)
    seconds, machine = told["seconds"], (told["hardware"] or {}).get("device", "machine not recorded")
    units = (("h", 3600.0), ("min", 60.0), ("s", 1.0))
    unit, size = next((unit, size) for unit, size in units if seconds >= size or size == 1.0)
    return Cell(f"{told['steps']:,} steps, {seconds / size:.3g} {unit}, {machine}", seconds)


def rows(outcome: Outcome) -> list[Row]:
    """One for each system, in the order of the comparison."""
    report, found = outcome.report, []
    standings = report.standings()
    for name, result in report.results.items():
        about, cost = report.about[name], result.cost
        costs = (
            Cell(about["family"].replace("_", " "), about["family"]), count(about["parameters"]),
            Cell(str(about["network_calls"]), about["network_calls"]), amount(cost.flops / 1e9),
            amount(1000 * cost.seconds_per_image), amount(cost.peak_bytes / 2**20), training(about),
        )  # fmt: skip
        figures = {}
        for metric, (value, low, high) in result.summary.items():
            ends = "" if low is None or high is None else f" [{number(low)}, {number(high)}]"
            figures[metric] = Cell(f"{number(value)}{ends}", value, standings[metric][name])
        found.append(Row(name, costs, figures))
    return found


def columns(outcome: Outcome) -> list[str]:
    """With arrows that say which way is better."""
    arrow = {True: " ↑", False: " ↓", None: ""}
    found = (f"{name}{arrow[metric.higher_is_better]}" for name, metric in outcome.report.metrics.items())
    return ["system", *COSTS, *found]


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table."""
    clean = lambda cell: cell.replace("|", "\\|").replace("\n", " ")
    return "\n".join(f"| {' | '.join(map(clean, line))} |" for line in [head, ["---"] * len(head), *lines])


def markdown_of(outcome: Outcome) -> str:
    """Best in bold; within noise of it marked."""
    bold = lambda cell: f"**{cell.text}**" if cell.mark == BEST else cell.text + MARKS[cell.mark]
    lines = [
        [row.name, *(cell.text for cell in row.costs), *(bold(cell) for cell in row.figures.values())]
        for row in rows(outcome)
    ]
    return markdown(columns(outcome), lines)


def csv_of(outcomes: Sequence[Outcome]) -> str:
    """One line per trial, system and metric, numbers unrounded."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    costs = ("family", "parameters", "network_calls", "flops_per_image", "ms_per_image", "peak_mib", "images_per_call",
             "training_steps", "training_seconds", "training_hardware")  # fmt: skip
    writer.writerow(["trial", "system", *costs, "metric", "value", "low", "high", "standing", "images"])
    known = lambda value: "" if value is None or (isinstance(value, float) and math.isnan(value)) else value
    for outcome in outcomes:
        standings = outcome.report.standings()
        for name, result in outcome.report.results.items():
            about, cost = outcome.report.about[name], result.cost
            told = about["training"] or {}
            shared = [
                about["family"], about["parameters"], about["network_calls"], cost.flops, 1000 * cost.seconds_per_image,
                cost.peak_bytes / 2**20, cost.batch, told.get("steps"), told.get("seconds"),
                (told.get("hardware") or {}).get("device"),
            ]  # fmt: skip
            for metric, figure in result.summary.items():
                ending = [metric, *figure, standings[metric][name], len(result.index)]
                writer.writerow([outcome.trial.title, name, *map(known, [*shared, *ending])])
    return lines.getvalue()


SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "–": "--",
    "≈": r"$\approx$", "±": r"$\pm$", "×": r"$\times$", "≤": r"$\leq$", "≥": r"$\geq$",
}  # fmt: skip


def escaped(text: str) -> str:
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def latex_of(outcome: Outcome) -> str:
    """A table for the packages booktabs and graphicx; the best is bold, what is within noise of it has a ≈."""

    def cell(one: Cell) -> str:
        text = escaped(one.text)
        return rf"\textbf{{{text}}}" if one.mark == BEST else text + (r" $\approx$" if one.mark == NEAR else "")

    head = columns(outcome)
    body = [
        " & ".join([escaped(row.name), *map(cell, row.costs), *map(cell, row.figures.values())]) + r" \\"
        for row in rows(outcome)
    ]
    told = " ".join([f"{outcome.report.title}.", *outcome.report.notes()])
    return "\n".join(
        [
            r"\begin{table}", r"\centering", rf"\caption{{{escaped(told)}}}",
            r"\resizebox{\linewidth}{!}{%", rf"\begin{{tabular}}{{ll{'r' * (len(head) - 2)}}}", r"\toprule",
            " & ".join(map(escaped, head)) + r" \\", r"\midrule", *body, r"\bottomrule", r"\end{tabular}}",
            r"\end{table}",
        ]
    )  # fmt: skip
