"""What every trained system must do. A config file that defines get_tiny() is picked up; no list is kept."""

import dataclasses
import functools
import importlib.util
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax import systems, tasks
from dgan_jax.core.parts import Spec
from dgan_jax.data.pipeline import to_unit
from dgan_jax.train import configs, loop, parallel, runs
from dgan_jax.train.checkpoint import Checkpoints
from dgan_jax.train.log import read


def tiny_experiments():
    for name, path in configs.known().items():
        spec = importlib.util.spec_from_file_location(f"config_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if hasattr(module, "get_tiny"):
            yield pytest.param(module.get_tiny, id=name)


every_tiny = pytest.mark.parametrize("get_tiny", list(tiny_experiments()))


@functools.cache
def images_file(folder, size, channels, classes):
    path = folder / f"{size}_{channels}_{classes}.npz"
    draw = np.random.default_rng(0)
    labels = {"label": draw.integers(0, classes, 32, dtype=np.int32)} if classes else {}
    np.savez(path, image=draw.integers(0, 256, (32, size, size, channels), dtype=np.uint8), **labels)
    return str(path)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("systems")


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """Each step function is traced once in this file, whoever asks for it."""
    made, compile_stage = {}, loop.compile_stage

    def once(experiment, system, mapping, index, first_step):
        key = json.dumps(configs.to_dict(experiment)), mapping.axis_name, index, first_step
        if key not in made:
            made[key] = compile_stage(experiment, system, mapping, index, first_step)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "compile_stage", once)
        yield once


def ready(get_tiny, folder, devices=1):
    experiment = get_tiny()
    data = experiment.data
    data = dataclasses.replace(data, name=images_file(folder, data.size, data.channels, data.classes), validation=0.25)
    train = dataclasses.replace(experiment.train, log_every=1, checkpoint_every=2, sample_every=0, devices=devices)
    return dataclasses.replace(experiment, data=data, train=train)


@functools.cache
def trained(get_tiny, folder, devices):
    experiment = ready(get_tiny, folder, devices)
    out = folder / f"{get_tiny.__module__}_{devices}"
    return experiment, out, loop.train(experiment, out)


def built(experiment):
    return systems.build(experiment.system, experiment.task, runs.spec_of(experiment))


def measured(experiment, count=4):
    batch = runs.open_batches(experiment)[0]
    batch = {name: jnp.asarray(value[:count]) for name, value in batch.items()}
    keys = jax.random.split(jax.random.key(1), count)
    return jax.vmap(experiment.task.measure)(keys, {**batch, "image": to_unit(batch["image"])}), keys


@every_tiny
def test_losses_are_finite_at_every_step(get_tiny, folder):
    experiment, out, _ = trained(get_tiny, folder, 1)
    rows = read(out / "log.jsonl")
    assert [row["step"] for row in rows] == list(range(1, experiment.train.steps + 1))
    assert all(np.isfinite(value) for row in rows for value in row.values() if isinstance(value, float))


@every_tiny
def test_one_step_moves_every_trained_leaf_and_no_frozen_one(get_tiny, folder, compiled):
    experiment = ready(get_tiny, folder)
    system = built(experiment)
    first = 0
    for i, stage in enumerate(system.stages):
        # Layers that start at zero pass no gradient to those before them: start from weights that are nowhere zero.
        state = runs.enter(runs.fresh_state(experiment, system), system, first)
        leaves, tree = jax.tree.flatten(state.params)
        keys = jax.random.split(jax.random.key(0), len(leaves))
        params = jax.tree.unflatten(
            tree, [x + 0.1 * jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)]
        )
        state = state.replace(params=params, step=jnp.asarray(first))
        advance = compiled(experiment, system, parallel.over(1), i, first)
        before = jax.device_get(params)
        after, _ = advance(state, runs.open_batches(experiment)[0], jax.random.key(0))
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


@every_tiny
def test_two_devices_do_what_one_does(get_tiny, folder):
    _, one_out, one = trained(get_tiny, folder, 1)
    _, two_out, two = trained(get_tiny, folder, 2)
    for ours, theirs in zip(read(two_out / "log.jsonl"), read(one_out / "log.jsonl"), strict=True):
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


@every_tiny
def test_a_checkpoint_comes_back_bit_for_bit(get_tiny, folder):
    experiment, out, state = trained(get_tiny, folder, 1)
    checkpoints = Checkpoints(out / "checkpoints")
    step = checkpoints.newest()
    assert step == experiment.train.steps
    again = checkpoints.restore(step, runs.state_like(experiment, built(experiment), step))
    jax.tree.map(np.testing.assert_array_equal, again, state)


@every_tiny
def test_a_restart_changes_nothing(get_tiny, folder, tmp_path):
    experiment, out, whole = trained(get_tiny, folder, 1)
    shutil.copytree(out, tmp_path / "run")
    # As a kill after the checkpoint in the middle leaves it.
    shutil.rmtree(tmp_path / "run" / "checkpoints" / str(experiment.train.steps))
    begun = []
    again = loop.train(experiment, tmp_path / "run", observe=lambda now: begun.append(now.step))
    assert begun[0] == experiment.train.steps // 2 + 1
    jax.tree.map(np.testing.assert_array_equal, again, whole)


@every_tiny
def test_restoring_keeps_the_shape_the_range_and_what_is_known(get_tiny, folder):
    experiment, out, _ = trained(get_tiny, folder, 1)
    _, system, variables = runs.load(out)
    y, keys = measured(experiment)
    image = jax.jit(system.restore)(variables, y, keys)
    assert image.shape == y["image"].shape
    assert image.dtype == jnp.float32
    assert np.all(np.abs(image) <= 1)
    np.testing.assert_array_equal(experiment.task.project(image, y), image)
    other = jax.jit(system.restore)(variables, y, jax.random.split(jax.random.key(2), len(keys)))
    assert not np.array_equal(other, image), "another key gives another plausible image"


@pytest.mark.parametrize("name", list(systems.files()))
def test_a_system_says_what_it_is_and_which_tasks_it_does(name):
    module = systems.find(name)
    assert module.__doc__
    assert module.PAPER
    for task in module.TASKS:
        system = systems.build(module.Config(), tasks.find(task)(), Spec(height=32, width=32, channels=3, steps=10))
        assert bool(system.players) == bool(system.stages)


@pytest.mark.parametrize("name", list(configs.known()))
def test_a_config_builds_and_survives_json(name):
    experiment = configs.load(name)
    assert configs.from_dict(configs.to_dict(experiment)) == experiment
    parallel.over(1).check(experiment.data.batch, experiment.train.accumulate)
    runs.state_like(experiment, built(experiment), 0)
