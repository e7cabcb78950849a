"""The training loop: any system, any number of devices and hosts, killed and resumed at any moment."""

import contextlib
import dataclasses
import functools
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax import systems
from dgan_jax.core.experiment import UNESSENTIAL, Experiment
from dgan_jax.core.parts import Spec, Stage, System
from dgan_jax.data.pipeline import Batches, prefetch, to_unit
from dgan_jax.data.options import open_data
from dgan_jax.train import parallel
from dgan_jax.train.checkpoint import Checkpoints
from dgan_jax.train.configs import from_dict, to_dict
from dgan_jax.train.log import Log
from dgan_jax.train.preview import Preview
from dgan_jax.train.state import TrainState, begin, initialise
from dgan_jax.train.step import train_step


class Stopped(Exception):
    """The run was asked to stop; its checkpoint is written."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """What an observer of the loop is told. `metrics` is empty between log steps."""

    step: int
    total: int
    stage: str
    metrics: dict[str, float]
    steps_per_second: float
    images_per_second: float


Observe = Callable[[Progress], None]


def spec_of(experiment: Experiment, axis_name: str | None = None) -> Spec:
    """What the experiment's system may know of its surroundings."""
    data, train = experiment.data, experiment.train
    return Spec(
        height=data.size, width=data.size, channels=data.channels, classes=data.classes,
        steps=train.steps, epoch=train.epoch, batch=data.batch // train.accumulate, axis_name=axis_name,
    )  # fmt: skip


def fresh_state(experiment: Experiment, system: System) -> TrainState:
    """The state at step 0, on the host's default device; a pure function of the experiment."""
    data = experiment.data
    example = {"image": jnp.zeros((data.size, data.size, data.channels))}
    if data.classes:
        example["label"] = jnp.zeros((), jnp.int32)

    def make(key: jax.Array) -> TrainState:
        y = jax.vmap(experiment.task.measure)(key[None], jax.tree.map(lambda x: x[None], example))
        return initialise(key, system, y)

    state = jax.jit(make)(jax.random.key(experiment.train.seed))
    return enter(state, system, 0)


def stage_at(stages: tuple[Stage, ...], step: int) -> tuple[int, int]:
    """(index, first step) of the stage that step `step` belongs to; the last one at the end of the training."""
    first = 0
    for i, stage in enumerate(stages[:-1]):
        if step < first + stage.steps:
            return i, first
        first += stage.steps
    return len(stages) - 1, first


def enter(state: TrainState, system: System, step: int) -> TrainState:
    """A state of the first stage, taken to the stage of `step`."""
    return functools.reduce(begin, system.stages[1 : stage_at(system.stages, step)[0] + 1], state)


def state_like(experiment: Experiment, system: System, step: int) -> TrainState:
    """Shapes and types of the state at a step, without computing it."""
    return jax.eval_shape(lambda: enter(fresh_state(experiment, system), system, step))


def claim(folder: Path, experiment: Experiment) -> None:
    """Make the run's folder and its config; refuse one that holds another experiment."""
    path, ours = folder / "config.json", to_dict(experiment)
    if path.exists():
        theirs = json.loads(path.read_text())
        different = [
            f"{part}.{name} (there {theirs[part].get(name)!r}, here {value!r})"
            for part, values in json.loads(json.dumps(ours)).items()
            for name, value in values.items()
            if theirs[part].get(name) != value and not (part == "train" and name in UNESSENTIAL)
        ]
        if different:
            raise ValueError(
                f"{folder} holds a run with another config: {', '.join(different[:4])}; give the same options, or another --out"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty and holds no run; give another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(ours, indent=2))
        os.replace(temporary, path)
    except OSError as error:
        raise ValueError(f"cannot write to {folder}: {error.strerror}; give another --out") from error


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """SIGINT and SIGTERM ask for a stop at the next step boundary instead of ending the process. Yields `stopped()`."""
    received: list[int] = []
    previous = {}
    # With several hosts each gets its own signal at its own time, and a checkpoint needs them all.
    if jax.process_count() == 1:
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError):  # not in the main thread
                previous[number] = signal.signal(number, lambda n, _: received.append(n))
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def train(experiment: Experiment, folder: str | Path, *, observe: Observe = lambda progress: None) -> TrainState:
    """Train in `folder`, from its newest checkpoint if there is one. Returns the final state on the host.

    Writes config.json, log.jsonl, samples/ and checkpoints/. Raises ValueError for what the user can mend, before anything is
    written or compiled, and `Stopped` after a signal.
    """
    folder = Path(folder)
    options = experiment.train
    mapping = parallel.over(options.devices)
    mapping.check(experiment.data.batch, options.accumulate)
    system = systems.build(experiment.system, experiment.task, spec_of(experiment, mapping.axis_name))
    if not system.stages:
        raise ValueError(f"system {systems.name_of(experiment.system)!r} has nothing to train; use it with dgan restore or evaluate")
    for stage in system.stages:
        if stage.steps % options.steps_per_call:
            raise ValueError(f"stage {stage.name!r} has {stage.steps} steps, not a multiple of train.steps_per_call")
    batches = open_batches(experiment)
    # Shapes are checked by tracing, before anything is written.
    state_like(experiment, system, 0)
    main = jax.process_index() == 0
    if main:
        claim(folder, experiment)

    checkpoints = Checkpoints(folder / "checkpoints", keep=options.keep)
    newest = checkpoints.newest()
    if newest is None:
        state = jax.device_get(fresh_state(experiment, system))
    else:
        state = checkpoints.restore(newest, state_like(experiment, system, newest))
    log = Log(folder, int(state.step), tensorboard=options.tensorboard) if main else None
    preview = Preview(experiment, system, folder / "samples") if main and options.sample_every else None
    try:
        with stop_signals() as stopped:
            state = run(experiment, system, mapping, state, batches, checkpoints, log, preview, observe, stopped)
    finally:
        checkpoints.wait()
        checkpoints.close()
        if log is not None:
            log.close()
    return state


@dataclasses.dataclass(frozen=True)
class Calls:
    """Batches by call of the compiled step instead of by step: `count` of them, stacked if that is more than one."""

    batches: Batches
    first: int
    count: int

    def __getitem__(self, call: int) -> dict[str, np.ndarray]:
        parts = [self.batches[self.first + call * self.count + i] for i in range(self.count)]
        return parts[0] if self.count == 1 else jax.tree.map(lambda *each: np.stack(each), *parts)


def open_batches(experiment: Experiment) -> Batches:
    """The training batches of an experiment, this host's part."""
    data = experiment.data
    return Batches(
        open_data(data, "train"), batch=data.batch, size=data.size, seed=experiment.train.seed, flip=data.flip, crop=data.crop,
        process=(jax.process_index(), jax.process_count()),
    )  # fmt: skip


def compile_stage(
    experiment: Experiment, system: System, mapping: parallel.Mapping, index: int, first_step: int
) -> Callable[..., tuple[TrainState, dict]]:
    """The compiled step of a stage: takes uint8 batches."""
    stage = system.stages[index]
    step = functools.partial(
        train_step, objective=stage.objective, optimizers=stage.optimizers, first_step=first_step,
        ema={name: player.ema for name, player in system.players.items()},
        accumulate=experiment.train.accumulate, axis_name=mapping.axis_name,
    )  # fmt: skip

    def from_bytes(state: TrainState, batch: dict, key: jax.Array) -> tuple[TrainState, dict]:
        return step(state, {**batch, "image": to_unit(batch["image"])}, key)

    return mapping.compile(from_bytes, experiment.train.steps_per_call)


def run(
    experiment: Experiment,
    system: System,
    mapping: parallel.Mapping,
    state: TrainState,
    batches: Any,
    checkpoints: Checkpoints,
    log: Log | None,
    preview: Preview | None,
    observe: Observe,
    stopped: Callable[[], bool],
) -> TrainState:
    """From `state` (on the host) to the last step, stage by stage."""
    options, config = experiment.train, to_dict(experiment)
    key = jax.random.key(options.seed)
    total, calls = options.steps, options.steps_per_call
    step = int(state.step)
    while step < total:
        index, first_step = stage_at(system.stages, step)
        stage = system.stages[index]
        end = first_step + stage.steps
        advance = compile_stage(experiment, system, mapping, index, first_step)
        device_state = mapping.put_state(state)
        feed = prefetch(Calls(batches, step, calls), 0, options.prefetch, lambda batch: mapping.put_batch(batch, calls > 1))
        clock, counted, metrics = time.perf_counter(), 0, None
        with feed:
            while step < end:
                previous = metrics
                device_state, metrics = advance(device_state, next(feed), key)
                step, counted = step + calls, counted + calls
                jax.block_until_ready(previous)  # one step in flight: the bar tells the truth
                logged: dict[str, float] = {}
                if step % options.log_every == 0 or step == total:
                    logged = {name: float(value) for name, value in mapping.get(metrics).items()}
                    rate = counted / (time.perf_counter() - clock)
                    if log is not None:
                        log.write(step, {"stage": stage.name, **logged, "steps_per_second": round(rate, 4)})
                    clock, counted = time.perf_counter(), 0
                else:
                    rate = counted / (time.perf_counter() - clock)
                observe(Progress(step, total, stage.name, logged, rate, rate * experiment.data.batch))
                want_stop = stopped()
                due = step % options.checkpoint_every == 0 or step in (end, total) or want_stop
                show = preview is not None and (step % options.sample_every == 0 or step == total)
                if due or show:
                    pause = time.perf_counter()
                    state = mapping.get(device_state)
                    if step == end and index + 1 < len(system.stages):
                        state = jax.device_get(begin(state, system.stages[index + 1]))
                    if due:
                        checkpoints.save(step, state, config)
                    if show:
                        preview.write(state, step)
                    clock += time.perf_counter() - pause
                if want_stop and step < total:
                    checkpoints.wait()
                    raise Stopped(f"stopped at step {step} of {total}; the checkpoint is written")
        del device_state
    return state


def write_state(folder: Path, experiment: Experiment, state: TrainState) -> None:
    """One checkpoint of a state that did not come from training here."""
    checkpoints = Checkpoints(folder / "checkpoints", keep=experiment.train.keep)
    checkpoints.save(int(state.step), state, to_dict(experiment))
    checkpoints.wait()
    checkpoints.close()


def load(folder: str | Path, *, step: int | None = None) -> tuple[Experiment, System, dict[str, Any]]:
    """The experiment, system and restoring variables of a run; the newest checkpoint unless a step is given."""
    folder = Path(folder)
    path = folder / "config.json"
    if not path.exists():
        raise ValueError(f"{folder} holds no run (no config.json); give the folder that dgan train wrote")
    experiment = from_dict(json.loads(path.read_text()))
    system = systems.build(experiment.system, experiment.task, spec_of(experiment))
    checkpoints = Checkpoints(folder / "checkpoints", keep=experiment.train.keep)
    try:
        step = checkpoints.newest() if step is None else step
        if step is None:
            raise ValueError(f"{folder} has no checkpoint yet; train it first, or wait for the first one")
        state = checkpoints.restore(step, state_like(experiment, system, step))
    finally:
        checkpoints.close()
    return experiment, system, state.variables()


