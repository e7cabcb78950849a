"""What every trained system must do, and every solver; `tiny` says which they are."""

import functools
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import Learnt, across_devices, found

from dgan_jax import systems, tasks
from dgan_jax.core.parts import Spec
from dgan_jax.data.pipeline import to_unit
from dgan_jax.train import configs, loop, parallel, runs
from dgan_jax.train.checkpoint import Checkpoints
from dgan_jax.train.log import read

FOUND = list(found())
every_training = pytest.mark.parametrize(
    "tiny", list({tiny.key: tiny for tiny in reversed(FOUND)}.values())[::-1], ids=lambda tiny: tiny.name
)
# Trainings that share all code that devices could meet differ in nothing that these could change.
every_kind_of_training = pytest.mark.parametrize(
    "tiny", list({across_devices(tiny): tiny for tiny in reversed(FOUND)}.values())[::-1], ids=lambda tiny: tiny.name
)
every_restorer = pytest.mark.parametrize("tiny", FOUND, ids=lambda tiny: tiny.name)


@pytest.fixture(scope="module")
def keep(tmp_path_factory, let_go):
    """Tiny -> what it has learnt. The last one is kept: tests come in the order of what they share."""
    folder, kept = tmp_path_factory.mktemp("systems"), {}

    def get(tiny):
        if tiny.key not in kept:
            kept.clear()
            let_go()
            kept[tiny.key] = Learnt(tiny, folder)
        return kept[tiny.key]

    return get


@pytest.fixture
def learnt(tiny, keep, monkeypatch):
    keep(tiny).install(monkeypatch)
    return keep(tiny)


@every_training
def test_losses_are_finite_at_every_step(learnt):
    learnt.trained(1)
    rows = read(learnt.out() / "log.jsonl")
    assert [row["step"] for row in rows] == list(range(1, learnt.experiment.train.steps + 1))
    assert all(np.isfinite(value) for row in rows for value in row.values() if isinstance(value, float))
    assert not any(row["guard/skipped"] for row in rows), "no step was lost"


@every_training
def test_one_step_moves_every_trained_leaf_and_no_frozen_one(learnt):
    experiment, system, mapping = learnt.experiment, learnt.system(), parallel.over(1)
    batch = mapping.put_batch(runs.open_batches(experiment)[0])
    frozen = mapping.put_state({name: read() for name, read in system.frozen.items()})
    first = 0
    for i, stage in enumerate(system.stages):
        # Layers that start at zero pass no gradient to those before them: start from weights that are nowhere zero.
        state = jax.device_get(runs.enter(learnt.begun(), system, first))
        draw = np.random.default_rng(0)
        before = jax.tree.map(lambda x: x + 0.1 * draw.normal(size=x.shape).astype(x.dtype), state.params)
        state = mapping.put_state(state.replace(params=before, step=np.int32(first)))
        after, _ = learnt.step(experiment, system, mapping, i, first)(state, batch, jax.random.key(0), frozen)
        for player in system.players:
            pairs = zip(
                jax.tree_util.tree_leaves_with_path(before[player]), jax.tree.leaves(after.params[player]), strict=True
            )
            still = [jax.tree_util.keystr(path) for (path, a), b in pairs if np.array_equal(a, b)]
            everything = len(jax.tree.leaves(before[player]))
            if player in stage.optimizers:
                assert not still, f"{player} in stage {stage.name} has leaves that training does not move: {still}"
            else:
                assert len(still) == everything, f"{player} is frozen in stage {stage.name} but moved"
        first += stage.steps


@every_training
def test_a_checkpoint_comes_back_bit_for_bit(learnt):
    state = learnt.trained(1)
    checkpoints = Checkpoints(learnt.out() / "checkpoints")
    step = checkpoints.newest()
    assert step == learnt.experiment.train.steps
    again = checkpoints.restore(step, learnt.state_like(learnt.experiment, learnt.system(), step))
    jax.tree.map(np.testing.assert_array_equal, again, state)


@every_training
def test_a_restart_changes_nothing(learnt, tmp_path):
    experiment, whole = learnt.experiment, learnt.trained(1)
    shutil.copytree(learnt.out(), tmp_path / "run")
    # As a kill after the checkpoint in the middle leaves it.
    shutil.rmtree(tmp_path / "run" / "checkpoints" / str(experiment.train.steps))
    begun = []
    again = loop.train(experiment, tmp_path / "run", observe=lambda now: begun.append(now.step))
    assert begun[0] == experiment.train.steps // 2 + 1
    jax.tree.map(np.testing.assert_array_equal, again, whole)


@every_restorer
def test_restoring_keeps_the_shape_the_range_and_what_is_known(tiny, learnt):
    learnt.trained(1)
    for experiment, system, variables in learnt.restorers(tiny.solver):
        batch = {name: jnp.asarray(value[:4]) for name, value in runs.open_batches(experiment)[0].items()}
        keys = jax.random.split(jax.random.key(1), 4)
        # Not compiled: fused, a mixture's arithmetic leaves 1.0000001 of a white pixel, which restoring cuts to 1.
        y = jax.vmap(experiment.task.measure)(keys, {**batch, "image": to_unit(batch["image"])})
        restore = functools.partial(jax.jit(system.restore), variables, y)
        image = restore(keys)
        assert image.shape == batch["image"].shape
        assert image.dtype == jnp.float32
        assert np.all(np.abs(image) <= 1)
        kept = experiment.task.project(image, y)
        if tiny.solver is None or "hole" in y:
            np.testing.assert_array_equal(kept, image)
        else:
            # A reduced or blurred image is agreed with but for what the range of images cuts off.
            assert np.mean(np.abs(kept - image)) < 0.02
        other = restore(jax.random.split(jax.random.key(2), len(keys)))
        same = np.array_equal(other, image)
        assert same != system.draws, "another key gives another plausible image, where one is drawn"


@every_kind_of_training
def test_two_devices_do_what_one_does(learnt):
    one, two = learnt.trained(1), learnt.trained(2)
    for ours, theirs in zip(*(read(learnt.out(devices) / "log.jsonl") for devices in (2, 1)), strict=True):
        # A gradient's norm tells at once what rounding did to parameters that sign-like first steps have moved.
        later = {name for name in theirs if name.endswith("/gradient") and theirs["step"] > 1}
        for name in theirs.keys() - {"steps_per_second", "stage"} - later:
            # A gap is the small difference of logits that are not small.
            atol = 1e-4 if name.endswith("/gap") else 1e-5
            # A distance of absolute differences has gradients of signs, which sign-like steps follow.
            rtol = 1e-2 if name.endswith("/texture") else 2e-3
            np.testing.assert_allclose(
                ours[name], theirs[name], rtol=rtol, atol=atol, err_msg=f"{name} at {theirs['step']}"
            )
    # First Adam steps are sign-like: a gradient that is zero but for rounding moves a parameter by a whole step.
    moved = lambda tree: np.concatenate([np.ravel(x) for x in jax.tree.leaves(tree)])
    difference = np.linalg.norm(moved(one.params) - moved(two.params)) / np.linalg.norm(moved(one.params))
    assert difference < 1e-3


@pytest.mark.parametrize("name", list(systems.files()))
def test_a_system_says_what_it_is_and_which_tasks_it_does(name):
    module = systems.find(name)
    assert module.__doc__
    assert module.PAPER
    if systems.is_solver(module):
        # What it restores with, another has learnt: test_diffusion.py and its like build it on that.
        assert module.Config() == module.Config()
        assert [tasks.find(task) for task in module.TASKS]
        return
    for task in module.TASKS:
        system = systems.build(module.Config(), tasks.find(task)(), Spec(height=32, width=32, channels=3, steps=10))
        assert bool(system.players) == bool(system.stages)


@pytest.mark.parametrize("name", list(configs.known()))
def test_a_config_builds_and_survives_json(name):
    experiment = configs.load(name)
    assert configs.from_dict(configs.to_dict(experiment)) == experiment
    parallel.over(1).check(experiment.data.batch, experiment.train.accumulate)
    runs.state_like(experiment, runs.built(experiment), 0)
