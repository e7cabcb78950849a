"""From results to a report: what every system was given, and what is known of each."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dgan_jax.compare.entrants import Entrant
from dgan_jax.compare.trial import Trial
from dgan_jax.core.parts import OwnFigure
from dgan_jax.evaluate import Inputs, Result, seen
from dgan_jax.metrics import intervals
from dgan_jax.metrics.intervals import Figure
from dgan_jax.metrics.metric import AnyMetric, Metric
from dgan_jax.report import Images, Report


def reported(
    trial: Trial, entrants: Sequence[Entrant], results: dict[str, Result],
    metrics: Mapping[str, AnyMetric], inputs: Inputs, *, keep: int,
) -> Report:  # fmt: skip
    """The report of one trial."""
    own = {name: figure for entrant in entrants for name, figure in entrant.system.figures.items()}
    results = {name: padded(result, own) for name, result in on_common_images(results).items()}
    metrics = {**metrics, **{name: Metric(unseen, *figure[1:]) for name, figure in own.items()}}
    about = {entrant.name: facts(entrant) for entrant in entrants}
    one = next(iter(results.values()))
    return Report(
        trial.describe(len(one.index), one.coverage), results, metrics, trial.protocol(),
        given(inputs, keep), about, trial.image_name,
    )  # fmt: skip


def unseen(*_: Any) -> Any:
    """The function of a figure that is a system's own: what is restored does not tell it."""
    raise TypeError("a system's own figure is not computed from what it restored")


def padded(result: Result, own: Mapping[str, OwnFigure]) -> Result:
    """A result with no number for figures that only other systems have, all in one order."""
    missing = {name: result.summary.get(name, Figure(np.nan)) for name in own}
    kept = {name: figure for name, figure in result.summary.items() if name not in own}
    return dataclasses.replace(result, summary={**kept, **missing})


def on_common_images(results: Mapping[str, Result]) -> dict[str, Result]:
    """The same results with means over the images of which every system has a finite figure (`intervals.counted`)."""
    found = dict(results)
    for metric in next(iter(results.values())).figures:
        if not all(metric in result.figures for result in results.values()):
            continue  # a system's own
        kept = intervals.counted([result.figures[metric] for result in results.values()])
        if not kept.all():
            for name, result in found.items():
                summary = {**result.summary, metric: intervals.mean(result.figures[metric][kept])}
                found[name] = dataclasses.replace(result, summary=summary)
    return found


def facts(entrant: Entrant) -> dict[str, Any]:
    """What a row says of a system besides figures."""
    return {
        "family": entrant.family,
        "parameters": entrant.parameters,
        "network_calls": entrant.system.calls,
        "training": entrant.training,
        "identity": entrant.about,
    }


def given(inputs: Inputs, keep: int) -> dict[str, Images]:
    """The first images, as they were and as they are seen."""
    original: list[np.ndarray] = []
    damaged: list[np.ndarray] = []
    for part in inputs:
        original += list(part.image)
        damaged += list(seen(part.image, part.given))
        if len(original) >= keep:
            break
    return {"original": together(original[:keep]), "damaged": together(damaged[:keep])}


def together(images: list[np.ndarray]) -> Images:
    """One array where the sizes allow it."""
    return np.stack(images) if len({image.shape for image in images}) == 1 else images
