"""Published figures beside measured ones: only where the protocol is the same, and where it is not, why not."""

from dgan_jax.compare.running import Outcome
from dgan_jax.published import beside

HEAD = ("method", "year", "metric", "published", "source")


def pairs(outcome: Outcome) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Rows that stand beside the measured ones, and rows that do not, with the reason at the end."""
    if outcome.trial.published is None:
        return [], []
    dataset, setting = outcome.trial.published
    images = len(next(iter(outcome.report.results.values())).index)
    same: list[tuple[str, ...]] = []
    other: list[tuple[str, ...]] = []
    for metric in outcome.report.metrics:
        for row, why in beside(metric, dataset, task=outcome.trial.kind, setting=setting, images=images):
            text = row.text if row.checked else f"{row.text} ?"
            shown = (row.method, str(row.year), row.metric, text, row.source)
            if why:
                other.append((*shown, f"for {metric}: {why}"))
            else:
                same.append(shown)
    known = {row[:4] for row in same}
    return same, [row for row in other if row[:4] not in known]


NONE = "No published figures are put beside these: the trial names no published dataset and damage that it equals."
SAME = "Published, by the same protocol on the same images (? was recalled or inferred, not read in its source):"
OTHER = "Published by another protocol, and so not comparable:"
EMPTY = "Published figures by the same protocol are not known."
