"""How many steps of a training fit into a budget of seconds on this machine."""

import dataclasses
from pathlib import Path

from dgan_jax.core.experiment import Experiment
from dgan_jax.train import log
from dgan_jax.train.loop import Observe, train

PROBE = 32
"""Steps of the short training that the pace is taken from."""


def steps_within(experiment: Experiment, seconds: float, folder: Path, observe: Observe) -> int:
    """Steps whose training takes `seconds`, compilation apart; at least one call of the compiled step.

    Measured by a short training of the same stages in `folder`, once: a second call gives the same answer.
    """
    calls = experiment.train.steps_per_call
    probe = -(-PROBE // calls) * calls
    short = dataclasses.replace(experiment.train, steps=probe, log_every=calls, sample_every=0, checkpoint_every=probe)
    rows = log.read(folder / "log.jsonl")
    if not rows or rows[-1]["step"] < probe:
        train(dataclasses.replace(experiment, train=short), folder, observe=observe)
        rows = log.read(folder / "log.jsonl")
    stages: dict[str, list[float]] = {}
    for row in rows:
        if "steps_per_second" in row:
            stages.setdefault(row["stage"], []).append(1 / row["steps_per_second"])
    # The first call of a stage warms up.
    settled = [(len(times), times[1:] or times) for times in stages.values()]
    whole = sum(count * sum(times) / len(times) for count, times in settled) * calls
    return max(1, int(seconds / whole * probe) // calls) * calls
