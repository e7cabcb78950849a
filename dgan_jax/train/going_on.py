"""Going on with a run by other options: what may change without making the run another one, and what became of it."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from dgan_jax.core.experiment import Experiment
from dgan_jax.core.files import write_atomically
from dgan_jax.core.parts import System
from dgan_jax.train import weights
from dgan_jax.train.runs import Difference, built, differences, state_like
from dgan_jax.train.stages import stage_at

NAME = "changes.json"
"""In the folder of a run that went on by other options: from which step on, and what they were."""
FREE = {
    "train": ("steps", "epoch", "accumulate", "bad_steps", "rollbacks", "rollback_rate"),
    "data": ("batch", "data_dir", "megapixels"),
    "system": ("ema", "beta1", "beta2", "clip", "remat"),
}
"""Fields that may change from a step on: they say how a network is trained, not which one on what. So do all rates."""


def free(one: Difference) -> bool:
    """Whether a run may go on with another value of this field."""
    rate = one.part == "system" and "rate" in one.name.split("_")
    return rate or one.name in FREE.get(one.part, ())


def refuse_other(folder: Path, experiment: Experiment) -> None:
    """A ValueError if the folder holds a run that cannot become this experiment, as far as the two configs tell, or
    something that is no run."""
    fixed = [one for one in differences(folder, experiment) if not free(one)]
    if fixed:
        raise refusal(folder, f"holds a run with another config: {', '.join(map(str, fixed[:4]))}")


def refusal(folder: Path, reason: str) -> ValueError:
    """With what to do instead."""
    return ValueError(
        f"{folder} {reason}; give the same options, or another --out, there with --train.begin_with {folder} to start "
        "from its weights"
    )


def changed(folder: Path, experiment: Experiment, system: System) -> list[Difference]:
    """What changes if the run in `folder` goes on as this experiment, whose system is given; nothing in a new folder.

    A ValueError if it cannot: fewer steps than it has behind it, a stage that would have begun at another step, another
    optimizer.
    """
    refuse_other(folder, experiment)
    different = differences(folder, experiment)
    step = reached(folder, experiment.train.keep) if different else None
    if step is None:
        return different
    said = ", ".join(map(str, different[:4]))
    if step > experiment.train.steps:
        raise refusal(folder, f"has {step} steps behind it, more than train.steps {experiment.train.steps}")
    theirs = as_it_was(experiment, different)
    before = built(theirs)
    old, new = stage_at(before.stages, step), stage_at(system.stages, step)
    if old != new:
        raise refusal(
            folder,
            f"cannot go on with {said}: at step {step} it is in stage {before.stages[old[0]].name!r} since step "
            f"{old[1]}, and would be in {system.stages[new[0]].name!r} since step {new[1]}",
        )
    shapes = [weights.shapes(state_like(*which, step)) for which in ((theirs, before), (experiment, system))]
    if shapes[0] != shapes[1]:
        raise refusal(folder, f"cannot go on with {said}: its optimizers or memory would be others")
    return different


def as_it_was(experiment: Experiment, different: list[Difference]) -> Experiment:
    """The experiment of the run that is there."""
    for part in {one.part for one in different}:
        values = {one.name: one.there for one in different if one.part == part}
        experiment = dataclasses.replace(experiment, **{part: dataclasses.replace(getattr(experiment, part), **values)})
    return experiment


def reached(folder: Path, keep: int) -> int | None:
    """The step of the newest intact checkpoint of a run."""
    if not (folder / "checkpoints").is_dir():
        return None
    from dgan_jax.train.checkpoint import Checkpoints

    checkpoints = Checkpoints(folder / "checkpoints", keep=keep)
    try:
        return checkpoints.newest()
    finally:
        checkpoints.close()


def changes(folder: Path) -> list[dict[str, Any]]:
    """What `record` wrote, oldest first."""
    try:
        told = json.loads((folder / NAME).read_text())
    except (OSError, ValueError):
        return []
    return told if isinstance(told, list) else []


def images_seen(folder: Path, batch: int, steps: int) -> int:
    """By a run that has `steps` behind it and now takes `batch` images a step."""
    seen, since = 0, 0
    for entry in changes(folder):
        if "data.batch" in entry["changed"]:
            seen, since = seen + (entry["step"] - since) * entry["changed"]["data.batch"][0], entry["step"]
    return seen + (steps - since) * batch


def record(folder: Path, different: list[Difference], keep: int) -> None:
    """A line more in the run's account of its changes, from the newest checkpoint on."""
    values = {f"{one.part}.{one.name}": [one.there, one.here] for one in different}
    entry = {"step": reached(folder, keep) or 0, "changed": values, "when": time.strftime("%Y-%m-%d %H:%M:%S")}
    write_atomically(folder / NAME, json.dumps([*changes(folder), entry], indent=2).encode())
