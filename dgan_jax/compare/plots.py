"""Pictures of a trial: quality against cost, and how the figures of single images are spread."""

import io
import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dgan_jax.compare.running import Outcome
from dgan_jax.metrics.sets import SetMetric

COLOURS = ("#1f77b4", "#d95f02", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#7f7f7f")
MARKERS = ("o", "s", "^", "D")
DOTS = 110


def colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def png(figure: Figure) -> bytes:
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(file, dpi=DOTS, format="png")
    return file.getvalue()


def label(outcome: Outcome, metric: str) -> str:
    about = outcome.report.metrics[metric]
    unit = f" ({about.unit})" if about.unit else ""
    better = {True: ", higher is better", False: ", lower is better", None: ""}
    return f"{metric}{unit}{better[about.higher_is_better]}"


def over(figure: Figure, axes: Axes, below: str, beside: str) -> bytes:
    """Finished: a cost on a logarithmic axis, a figure of merit, and the legend."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return png(figure)


def against_cost(outcome: Outcome, metric: str) -> bytes:
    """The figure with its interval over milliseconds per image."""
    results = outcome.report.results
    figure = Figure(figsize=(7.4, 4.2), layout="constrained")
    axes = figure.add_subplot(xscale="log")
    for i, (name, result) in enumerate(results.items()):
        value, low, high = result.summary[metric]
        if not np.isfinite(value):  # every image is exact
            continue
        spread = None if low is None or high is None else [[max(0.0, value - low)], [max(0.0, high - value)]]
        axes.errorbar(
            1000 * result.seconds_per_image, value, yerr=spread, fmt=MARKERS[i // len(COLOURS) % len(MARKERS)],
            color=colour(i), capsize=3, alpha=0.8, label=name,
        )  # fmt: skip
    axes.margins(x=0.15)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    return over(figure, axes, "milliseconds per image (on this machine)", label(outcome, metric))


def walks(outcome: Outcome) -> dict[str, list[str]]:
    """Rows of one training and one way of restoring, which differ in their network calls, by what they are called
    without a number at the end. Others stand alone. Rows of no known number of calls are left out."""
    together: dict[tuple, list[str]] = {}
    for name, about in outcome.report.about.items():
        if about.get("network_calls"):
            identity = about["identity"]
            way = (identity.get("weights", name), identity.get("solver", {}).get("name", ""))
            together.setdefault(way, []).append(name)
    common = lambda names: re.sub(r"[ ,]*\d+$", "", names[0]) if len(names) > 1 else names[0]
    return {common(names): names for names in together.values()}


def against_calls(outcome: Outcome, metric: str) -> bytes:
    """The figure over network calls: a line for each training and way of restoring."""
    results, about = outcome.report.results, outcome.report.about
    figure = Figure(figsize=(7.4, 4.2), layout="constrained")
    axes = figure.add_subplot(xscale="log")
    for i, (label_, names) in enumerate(walks(outcome).items()):
        dots = sorted((about[name]["network_calls"], results[name].summary[metric].value) for name in names)
        axes.plot(
            *zip(*dots, strict=True), marker=MARKERS[i // len(COLOURS) % len(MARKERS)], color=colour(i), alpha=0.8,
            label=label_,
        )  # fmt: skip
    return over(figure, axes, "network calls for an image", label(outcome, metric))


def per_image(outcome: Outcome, metric: str) -> bytes:
    """A box and a point for each image, system by system."""
    held = outcome.report.results.items()
    values = {name: result.figures[metric] for name, result in held if metric in result.figures}
    figure = Figure(figsize=(6.4, 0.9 + 0.42 * len(values)), layout="constrained")
    axes = figure.add_subplot()
    finite = [row[np.isfinite(row)] for row in values.values()]
    axes.boxplot(finite, orientation="horizontal", widths=0.6, showfliers=False, medianprops={"color": "black"})
    for i, row in enumerate(finite):
        # Spread by their rank, so that a rerun draws the same picture.
        shift = ((np.arange(len(row)) * 0.618034) % 1 - 0.5) * 0.5
        axes.plot(row, i + 1 + shift, "o", color=colour(i), markersize=3, alpha=0.5, markeredgewidth=0)
    axes.set_yticks(range(1, len(values) + 1), list(values), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(f"{label(outcome, metric)}; one point per image")
    axes.grid(alpha=0.3, axis="x")
    return png(figure)


def plots(outcome: Outcome) -> dict[str, bytes]:
    """File name -> PNG."""
    found = {}
    for metric, about in outcome.report.metrics.items():
        found[f"{metric}-cost"] = against_cost(outcome, metric)
        if any(len(names) > 1 for names in walks(outcome).values()):
            found[f"{metric}-calls"] = against_calls(outcome, metric)
        if not isinstance(about, SetMetric):
            found[f"{metric}-images"] = per_image(outcome, metric)
    return found
