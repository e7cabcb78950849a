"""The training loop: any system, any number of devices and hosts, killed and resumed at any moment."""

import contextlib
import dataclasses
import functools
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dgan_jax import systems
from dgan_jax.core.experiment import Experiment
from dgan_jax.core.files import write_atomically
from dgan_jax.core.machine import hardware
from dgan_jax.core.parts import System
from dgan_jax.data.pipeline import Batches, prefetch
from dgan_jax.train import going_on, parallel
from dgan_jax.train.beginning import beginning_with, check_beginning
from dgan_jax.train.checkpoint import Checkpoints
from dgan_jax.train.configs import to_dict
from dgan_jax.train.ending import Diverged, Stopped
from dgan_jax.train.lock import Lock
from dgan_jax.train.log import Log, Means, read
from dgan_jax.train.preview import ANSWER, Preview
from dgan_jax.train.runs import MACHINE, built, fresh_state, open_batches, state_like, write_config
from dgan_jax.train.signals import stop_signals
from dgan_jax.train.stages import Calls, compile_stage, stage_at
from dgan_jax.train.state import Guard, TrainState, enter_stages


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


def train(experiment: Experiment, folder: str | Path, *, observe: Observe = lambda progress: None) -> TrainState:
    """Train in `folder`, from its newest checkpoint if there is one. Returns the final state on the host.

    A run goes on by other options where `going_on` allows it. Writes config.json, data.json, machine.json, log.jsonl,
    samples/ and checkpoints/. Raises ValueError for what the user can mend, before anything is written or compiled, and
    `Stopped` after a signal.
    """
    folder, options, main = Path(folder), experiment.train, jax.process_index() == 0
    if main:
        going_on.refuse_other(folder, experiment)
    mapping = parallel.over(options.devices)
    mapping.check(experiment.data.batch, options.accumulate)
    system = built(experiment, mapping.axis_name)
    if not system.stages:
        raise ValueError(
            f"system {systems.name_of(experiment.system)!r} has nothing to train; use it with dgan restore or evaluate"
        )
    for stage in system.stages:
        if stage.steps % options.steps_per_call:
            raise ValueError(f"stage {stage.name!r} has {stage.steps} steps, not a multiple of train.steps_per_call")
        stage.check()
    batches = open_batches(experiment)
    # Shapes are checked by tracing, before anything is written.
    state_like(experiment, system, 0)
    earlier = functools.cache(lambda: beginning_with(options.begin_with))
    if options.begin_with and not (folder / "config.json").exists():
        check_beginning(experiment, system, earlier(), options.begin_with)

    def first() -> TrainState:
        return jax.device_get(fresh_state(experiment, system, earlier()))

    # All hosts share the folder; the first one holds it for all of them.
    with Lock(folder) if main else contextlib.nullcontext() as lock:
        if main:
            if different := going_on.changed(folder, experiment, system):
                going_on.record(folder, different, options.keep)
            write_config(folder, experiment)
            about = {"images": batches.images, "left_out": batches.skipped}
            write_atomically(folder / "data.json", json.dumps(about, indent=2).encode())
            write_atomically(folder / MACHINE, json.dumps(hardware(), indent=2).encode())
        checkpoints = Checkpoints(folder / "checkpoints", keep=options.keep)

        def watched(progress: Progress) -> None:
            if lock is not None:
                lock.check()
            observe(progress)

        loop = Loop(
            experiment, system, mapping, batches, checkpoints, first, lambda step: state_like(experiment, system, step),
            open_log=(lambda step: Log(folder, step, tensorboard=options.tensorboard)) if main else None,
            preview=preview_of(experiment, system, folder) if main and options.sample_every else None,
            observe=watched,
        )  # fmt: skip
        try:
            with stop_signals() as stopped:
                state = loop.run(stopped)
        finally:
            loop.close()
    if not checkpoints.sealed(int(state.step)):
        raise ValueError(
            f"the last checkpoint could not be written to {folder}; make room and run the same command again"
        )
    return state


def preview_of(experiment: Experiment, system: System, folder: Path) -> Preview | None:
    """Where there are no held-out images to show, a warning and none."""
    try:
        return Preview(experiment, system, folder / "samples")
    except ValueError as error:
        warnings.warn(f"no pictures are shown while training: {error}", stacklevel=3)
        return None


class Loop:
    """From a state to the last step, stage by stage: what happens around the compiled step.

    `first()` makes the state at step 0, `like(step)` the shapes of a later one.
    """

    def __init__(
        self,
        experiment: Experiment,
        system: System,
        mapping: parallel.Mapping,
        batches: Batches,
        checkpoints: Checkpoints,
        first: Callable[[], TrainState],
        like: Callable[[int], TrainState],
        *,
        open_log: Callable[[int], Log] | None,
        preview: Preview | None,
        observe: Observe,
    ) -> None:
        self.experiment, self.system, self.mapping, self.batches = experiment, system, mapping, batches
        self.checkpoints, self.first, self.like = checkpoints, first, like
        self.open_log, self.preview, self.observe = open_log, preview, observe
        self.options, self.config = experiment.train, to_dict(experiment)
        self.log: Log | None = None
        self.means = Means()
        self.pace = 0.0, 0.0
        self.stopped: Callable[[], bool] = lambda: False
        self.compiled = functools.cache(functools.partial(compile_stage, experiment, system, mapping))
        self.frozen = functools.cache(lambda: mapping.put_state({name: read() for name, read in system.frozen.items()}))

    def run(self, stopped: Callable[[], bool]) -> TrainState:
        """To the last step, from the newest intact checkpoint or from the start."""
        self.stopped = stopped
        state = self.resume()
        self.look(state)
        while int(state.step) < self.options.steps:
            state = self.stage(state)
        return state

    def close(self) -> None:
        self.checkpoints.close()
        if self.log is not None:
            self.log.close()

    def resume(self) -> TrainState:
        """The state to go on from. The log forgets what came after it."""
        newest = self.checkpoints.newest()
        state = self.first() if newest is None else self.checkpoints.restore(newest, self.like(newest))
        self.means = Means(None if newest is None else self.checkpoints.means(newest))
        if self.open_log is not None:
            if self.log is not None:
                self.log.close()
            self.log = self.open_log(int(state.step))
        return state

    def stage(self, state: TrainState) -> TrainState:
        """From `state` (on the host) to the end of its stage, or to where a rollback leads."""
        options, calls = self.options, self.options.steps_per_call
        step = int(state.step)
        index, first_step = stage_at(self.system.stages, step)
        stage = self.system.stages[index]
        end = first_step + stage.steps
        advance, key = self.compiled(index, first_step), jax.random.key(options.seed)
        frozen = self.frozen()
        begun = state.guard
        device_state = self.mapping.put_state(state)
        put = lambda batch: self.mapping.put_batch(batch, calls > 1)
        waiting: dict[str, Any] | None = None
        failed, compiling = 0, True
        clock, counted = time.perf_counter(), 0
        with prefetch(Calls(self.batches, step, calls), 0, options.prefetch, put) as feed:
            while step < end:
                device_state, metrics = advance(device_state, next(feed), key, frozen)
                if compiling:
                    # Compiled by now, which says nothing of the pace.
                    clock, compiling = time.perf_counter(), False
                step, counted = step + calls, counted + calls
                # One step in flight: the bar tells the truth, and what went wrong is seen at the next step.
                failed = failed if waiting is None else self.learn(waiting)
                if failed >= options.bad_steps:
                    return self.roll_back(step - calls, begun)
                waiting = metrics
                logged: dict[str, float] = {}
                rate = counted / (time.perf_counter() - clock)
                self.checkpoints.poll()
                want_stop = self.stopped()
                write = step % options.log_every == 0 or step == options.steps
                due = step % options.checkpoint_every == 0 or step in (end, options.steps) or want_stop
                if write or due:
                    failed, waiting = self.learn(waiting), None
                if write:
                    logged = self.means.take()
                    rate = counted / (time.perf_counter() - clock)
                    self.record(step, {"stage": stage.name, **logged, "steps_per_second": round(rate, 4)})
                    clock, counted = time.perf_counter(), 0
                self.pace = rate, rate * self.experiment.data.batch
                self.observe(Progress(step, options.steps, stage.name, logged, *self.pace))
                show = bool(options.sample_every) and (step % options.sample_every == 0 or step == options.steps)
                if due or show:
                    pause = time.perf_counter()
                    state = self.mapping.get(device_state)
                    if step == end:
                        following = stage_at(self.system.stages, step)[0]
                        state = jax.device_get(enter_stages(state, self.system, index + 1, following))
                        self.means = Means()
                    if due:
                        self.checkpoints.save(step, state, self.config, self.means.plain())
                    if show:
                        self.picture(step, state)
                    clock += time.perf_counter() - pause
                if want_stop and step < options.steps:
                    self.checkpoints.wait()
                    fate = "the checkpoint is written"
                    if not self.checkpoints.sealed(step):
                        fate = "its checkpoint could not be written"
                    raise Stopped(f"stopped at step {step} of {options.steps}; {fate}")
        return state

    def learn(self, metrics: dict[str, Any]) -> int:
        """Add a call's metrics to the means; returns how many steps in a row, up to these, were not applied."""
        self.means.add(self.mapping.get(metrics))
        return int(self.means.last["guard/in_a_row"])

    def roll_back(self, step: int, guard: Guard) -> TrainState:
        """The last good state with a lower learning rate than `guard`'s; `Diverged` after too many of these."""
        self.checkpoints.wait()
        said = f"losses or gradients were not finite in {self.options.bad_steps} steps in a row, up to step {step}"
        state = self.resume()
        if int(guard.rollbacks) >= self.options.rollbacks:
            self.record(int(state.step), {"event": "diverged", "from": step})
            raise Diverged(
                f"{said}, and {int(guard.rollbacks)} rollbacks with lower learning rates did not help; the checkpoint "
                f"of step {int(state.step)} is good: look at dgan doctor, then try a lower learning rate in another "
                "--out"
            )
        scale = np.asarray(self.options.rollback_rate * guard.scale, np.float32)
        warnings.warn(f"{said}; back to step {int(state.step)} with {scale:.3g} of the learning rate", stacklevel=2)
        self.record(int(state.step), {"event": "rollback", "from": step, "scale": float(scale)})
        lower = dataclasses.replace(state.guard, rollbacks=guard.rollbacks + np.int32(1), scale=scale)
        return dataclasses.replace(state, guard=lower)

    def look(self, state: TrainState) -> None:
        """Where a training begins, its figures on held-out images; where it goes on, what they were then."""
        if (preview := self.preview) is None:
            return
        rows = [] if self.log is None else read(self.log.path)
        if int(state.step) == 0 and (found := preview.figures(state)):
            self.record(0, found)
            rows = [{"step": 0, **found}]
        preview.began = next((row[ANSWER] for row in rows if row["step"] == 0 and ANSWER in row), None)

    def record(self, step: int, values: dict[str, Any]) -> None:
        """A line of the log."""
        if (log := self.log) is not None:
            self.tolerate("the log", lambda: log.write(step, values))

    def picture(self, step: int, state: TrainState) -> None:
        """Held-out images, restored. How far that is from them, in dB, is shown; it goes into the log, as does how much
        two restorations of the same image differ."""
        if (preview := self.preview) is not None:
            self.tolerate("the picture", lambda: self.record(step, {"diversity": preview.write(state, step)}))
            if figures := preview.figures(state):
                self.record(step, figures)
                self.observe(Progress(step, self.options.steps, "held-out images", figures, *self.pace))

    def tolerate(self, what: str, write: Callable[[], None]) -> None:
        """A full disk does not end a training."""
        try:
            write()
        except OSError as error:
            warnings.warn(f"{what} could not be written ({error.strerror}); training goes on", stacklevel=3)
