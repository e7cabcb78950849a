"""Numbers that go wrong: the step is not applied, the run rolls back, and at last it stops."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import two_stage

from dgan_jax import systems
from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.tasks.generate import Generate
from dgan_jax.train import loop, runs
from dgan_jax.train.checkpoint import Checkpoints
from dgan_jax.train.log import read
from dgan_jax.train.loop import Diverged
from dgan_jax.train.step import train_step


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, image=np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), dtype=np.uint8))
    return Experiment(
        system=two_stage.Config(), task=Generate(),
        data=Data(name=str(path), size=8, batch=4, crop="none", validation=0.2),
        train=Train(steps=8, log_every=1, checkpoint_every=2, sample_every=0, devices=1, bad_steps=2, rollbacks=1),
    )  # fmt: skip


def with_train(experiment, **values):
    return dataclasses.replace(experiment, train=dataclasses.replace(experiment.train, **values))


def with_system(experiment, **values):
    return dataclasses.replace(experiment, system=dataclasses.replace(experiment.system, **values))


def test_a_step_without_a_finite_loss_changes_nothing_but_the_counters(experiment):
    system = systems.build(experiment.system, experiment.task, runs.spec_of(experiment))
    state = runs.fresh_state(experiment, system)
    stage = system.stages[0]
    step = jax.jit(
        lambda state, image: train_step(
            state, {"image": image}, jax.random.key(0), objective=stage.objective, optimizers=stage.optimizers,
            ema={"decoder": 0.9},
        )
    )  # fmt: skip
    good, _ = step(state, jnp.zeros((4, 8, 8, 3)))
    bad, metrics = step(good, jnp.full((4, 8, 8, 3), jnp.nan))
    kept = lambda state: (state.params, state.ema, state.opt_state, state.model_state, state.memory)
    jax.tree.map(np.testing.assert_array_equal, kept(bad), kept(good))
    assert (int(bad.step), int(bad.guard.skipped), int(bad.guard.in_a_row)) == (2, 1, 1)
    assert int(metrics["guard/skipped"]) == 1
    again, _ = step(bad, jnp.zeros((4, 8, 8, 3)))
    assert (int(again.guard.skipped), int(again.guard.in_a_row)) == (1, 0)


def test_one_bad_step_is_left_out_and_the_run_goes_on(experiment, tmp_path):
    state = loop.train(with_system(experiment, poison=(1, 2)), tmp_path / "run")
    assert (int(state.step), int(state.guard.skipped), int(state.guard.rollbacks)) == (8, 1, 0)
    rows = read(tmp_path / "run" / "log.jsonl")
    assert [row["guard/skipped"] for row in rows] == [0, 0, 0, 0, 0, 1, 1, 1]


def test_bad_steps_in_a_row_roll_the_run_back_with_a_lower_learning_rate(experiment, tmp_path):
    # Adam moves the bias by about the rate: two steps bring it beyond the limit, two half as long do not.
    sick = with_train(with_system(experiment, poison=(2, 4), limit=0.11), steps=12, checkpoint_every=6)
    with pytest.warns(UserWarning, match="with 0.5 of the learning rate"):
        state = loop.train(sick, tmp_path / "run")
    assert (int(state.step), int(state.guard.rollbacks), float(state.guard.scale)) == (12, 1, 0.5)
    events = [row for row in read(tmp_path / "run" / "log.jsonl") if "event" in row]
    assert [(row["event"], row["from"]) for row in events] == [("rollback", 10)]


def test_a_run_that_no_rollback_heals_stops_with_a_report(experiment, tmp_path):
    sick = with_system(experiment, poison=(1, 4))
    with pytest.warns(UserWarning, match="with 0.5"), pytest.raises(Diverged, match="1 rollbacks with lower"):
        loop.train(sick, tmp_path / "run")
    assert Checkpoints(tmp_path / "run" / "checkpoints").newest() == 6, "the last good checkpoint is there"
    assert [row["event"] for row in read(tmp_path / "run" / "log.jsonl") if "event" in row][-1] == "diverged"
