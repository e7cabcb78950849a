"""What is probably wrong with a training run, in words, with the evidence: read from its log."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dgan_jax.train.log import read

Row = dict[str, Any]


class Finding(NamedTuple):
    """`what` is probably so, because of `evidence`; try `advice`."""

    what: str
    evidence: str
    advice: str


class Course(NamedTuple):
    """A run as it went: the log's rows, the config, and what is known of its data."""

    rows: Sequence[Row]
    config: dict[str, Any]
    data: dict[str, Any]

    def values(self, name: str) -> np.ndarray:
        """The finite values of a metric, in order of steps."""
        found = [row[name] for row in self.rows if isinstance(row.get(name), int | float)]
        # Not from JSON of ours: an integer of any length.
        return np.asarray([float(value) for value in found if abs(value) < 1e300])

    def names(self, ending: str) -> list[str]:
        """Metrics whose names end so."""
        return sorted({name for row in self.rows for name in row if name.endswith(ending)})

    def late(self, name: str) -> np.ndarray:
        """The last third of a metric's values, at least three of them, or nothing."""
        values = self.values(name)
        return values[-max(3, len(values) // 3) :] if len(values) >= 6 else values[:0]


def not_finite(course: Course) -> list[Finding]:
    skipped = course.values("guard/skipped")
    events = [row for row in course.rows if row.get("event") in ("rollback", "diverged")]
    if not events and not (len(skipped) and skipped[-1] > 0):
        return []
    count = int(skipped.max()) if len(skipped) else 0
    told = ", ".join(f"{row['event']} from step {row.get('from')} to {row['step']}" for row in events)
    evidence = f"{count} steps had a loss or a gradient that is not finite" + (f"; {told}" if told else "")
    advice = "a lower learning rate (system.learning_rate_*), a larger system.r1_gamma, or float32 instead of bfloat16"
    return [Finding("numbers overflow: the learning rate is too high", evidence, advice)]


def critic_too_strong(course: Course) -> list[Finding]:
    gap = course.late("critic/gap")
    if not len(gap) or np.median(gap) < 5.0:
        return []
    evidence = f"real images score {np.median(gap):.1f} above generated ones in the last third of the log (5 is much)"
    advice = "a lower system.learning_rate_critic or a larger system.r1_gamma"
    return [Finding("the critic is too strong: the generator gets no usable gradient", evidence, advice)]


def critic_asleep(course: Course) -> list[Finding]:
    gap = course.late("critic/gap")
    if not len(gap) or np.median(np.abs(gap)) > 0.02:
        return []
    evidence = f"it scores real and generated images alike (gap {np.median(gap):.4f} in the last third of the log)"
    advice = "more steps, a higher system.learning_rate_critic, or a smaller system.r1_gamma"
    return [Finding("the critic has learned nothing yet", evidence, advice)]


def collapse(course: Course) -> list[Finding]:
    diversity = course.values("diversity")
    if len(diversity) < 2 or diversity[-1] > 0.1 * diversity.max():
        return []
    evidence = f"restorations with different seeds differ by {diversity[-1]:.2g}, once by {diversity.max():.2g}"
    advice = "a larger system.r1_gamma, a smaller reconstruction weight, or an earlier checkpoint"
    return [Finding("collapse: the random inputs no longer matter", evidence, advice)]


def spikes(course: Course) -> list[Finding]:
    found = []
    for name in course.names("/gradient"):
        values = course.late(name)
        if len(values) >= 6 and np.max(values) > 30 * np.median(values):
            evidence = f"{name} rose to {np.max(values):.3g}, {np.max(values) / np.median(values):.0f} times its median"
            player = name.rpartition("/")[0]
            found.append(
                Finding(f"the {player}'s gradients spike", evidence, "a lower learning rate, or a larger data.batch")
            )
    return found


def worsening(course: Course) -> list[Finding]:
    found = []
    for name in course.names("/reconstruction"):
        values = course.values(name)
        if len(values) < 12:
            continue
        thirds = [float(np.median(part)) for part in np.array_split(values, 3)]
        if thirds[2] > 1.3 * min(thirds[:2]):
            evidence = f"the median of {name} by thirds of the log: {', '.join(f'{third:.3g}' for third in thirds)}"
            advice = "a lower learning rate, or a larger reconstruction weight beside the adversary"
            found.append(Finding("the error grows again", evidence, advice))
    return found


def unfinished(course: Course) -> list[Finding]:
    found = []
    for name in course.names("/reconstruction"):
        values = course.values(name)
        if len(values) < 12:
            continue
        first, middle, last = (float(np.median(part)) for part in np.array_split(values, 3))
        if last < 0.93 * middle < 0.93 * first:
            evidence = f"{name} fell by {100 * (1 - last / middle):.0f} % from the second to the last third of the log"
            found.append(Finding("the training is not at its end: the error still falls", evidence, "more train.steps"))
    return found


def average_behind(course: Course) -> list[Finding]:
    found = []
    for name in course.names("/ema_distance"):
        values = course.late(name)
        if len(values) and np.median(values) > 0.2:
            evidence = f"{name} is {np.median(values):.2f} of the averaged weights' norm; restoring uses these"
            found.append(
                Finding("the averaged weights lag far behind", evidence, "a smaller system.ema, or more steps")
            )
    return found


def small_batch(course: Course) -> list[Finding]:
    batch = course.config.get("data", {}).get("batch", 0)
    accumulate = course.config.get("train", {}).get("accumulate", 1)
    if type(batch) is not int or type(accumulate) is not int or batch < 1 or accumulate < 1:
        return []
    if batch // accumulate >= 8 or not course.names("critic/gap"):
        return []
    evidence = f"the critic compares {batch // accumulate} images at a time"
    return [
        Finding("the batch is small for an adversary", evidence, "data.batch 16 or more, with system.remat if needed")
    ]


def bad_data(course: Course) -> list[Finding]:
    images, left_out = course.data.get("images", 0), course.data.get("left_out", 0)
    found = []
    if images and left_out > 0.02 * images:
        evidence = f"{left_out} of {images + left_out} images could not be used (damaged, or smaller than the crop)"
        found.append(Finding("bad data", evidence, "dgan data show NAME, then mend or remove these files"))
    if 0 < images < 100 and len(course.rows) and course.rows[-1].get("step", 0) > 200 * images:
        evidence = f"{images} images for {course.rows[-1]['step']} steps"
        found.append(Finding("very few images: the networks may learn them by heart", evidence, "more photographs"))
    return found


CHECKS: tuple[Callable[[Course], list[Finding]], ...] = (
    not_finite, critic_too_strong, critic_asleep, collapse, spikes, worsening, unfinished, average_behind, small_batch,
    bad_data,
)  # fmt: skip


def diagnose(course: Course) -> list[Finding]:
    """Every finding, the gravest kind first. Fewer than six logged steps say little."""
    return [finding for check in CHECKS for finding in check(course)]


def course_of(folder: str | Path) -> Course:
    """The log, config and data note of a run; a ValueError where there is no log."""
    folder = Path(folder)
    rows = read(folder / "log.jsonl")
    if not rows:
        raise ValueError(f"{folder} has no log (log.jsonl) with anything in it; give the folder that dgan train wrote")
    config, data = (note(folder / name) for name in ("config.json", "data.json"))
    return Course(
        rows,
        {part: values for part, values in config.items() if isinstance(values, dict)},
        {name: value for name, value in data.items() if type(value) is int},
    )


def note(path: Path) -> dict[str, Any]:
    """A JSON object, empty if there is none."""
    try:
        plain = json.loads(path.read_text()) if path.is_file() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read ({error}); it was written by dgan train") from error
    return plain if isinstance(plain, dict) else {}
