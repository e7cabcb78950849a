"""The loop on a made-up two-stage system: devices, stages, resuming, refusing."""

import dataclasses
import json

import jax
import numpy as np
import pytest
import two_stage

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.tasks.generate import Generate
from dgan_jax.train import going_on, loop, runs
from dgan_jax.train.lock import Lock
from dgan_jax.train.log import Means, read


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "images.npz"
    np.savez(path, image=np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8))
    return str(path)


@pytest.fixture
def experiment(images):
    return Experiment(
        system=two_stage.Config(), task=Generate(),
        data=Data(name=images, size=8, batch=4, crop="none", validation=0.2),
        train=Train(steps=8, log_every=2, checkpoint_every=4, sample_every=0, devices=1),
    )  # fmt: skip


def changed(experiment, **values):
    return dataclasses.replace(experiment, train=dataclasses.replace(experiment.train, **values))


def assert_same(ours, theirs, tolerance=0.0):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), ours, theirs)


class Killed(Exception):
    pass


def kill_at(step):
    def observe(progress):
        if progress.step == step:
            raise Killed

    return observe


def test_stages_hand_over_and_freeze(experiment, tmp_path):
    half = loop.train(changed(experiment, steps=8), tmp_path / "run")
    rows = read(tmp_path / "run" / "log.jsonl")
    assert [row["stage"] for row in rows] == ["encoder", "encoder", "decoder", "decoder"]
    assert [row["decoder/step"] for row in rows[2:]] == [0.5, 2.5], "a stage's losses count their own steps"
    assert set(half.opt_state) == {"decoder"}
    assert half.memory == {}
    assert np.any(half.model_state["encoder"]["batch_stats"]["mean"] != 0)
    assert np.all(half.model_state["decoder"]["batch_stats"]["mean"] == 0)
    about = json.loads((tmp_path / "run" / "config.json").read_text())
    assert about["train"]["steps"] == 8


@pytest.mark.parametrize("step", [3, 5, 7])
def test_a_killed_run_ends_where_an_unbroken_one_does(experiment, tmp_path, step):
    whole = loop.train(experiment, tmp_path / "whole")
    with pytest.raises(Killed):
        loop.train(changed(experiment, checkpoint_every=2), tmp_path / "broken", observe=kill_at(step))
    resumed = loop.train(changed(experiment, checkpoint_every=2), tmp_path / "broken")
    assert_same(resumed, whole)
    strip = lambda run: [
        {k: v for k, v in row.items() if k != "steps_per_second"} for row in read(tmp_path / run / "log.jsonl")
    ]
    assert strip("broken") == strip("whole")


def test_two_devices_and_scanned_steps_end_where_one_device_does(experiment, tmp_path):
    one = loop.train(experiment, tmp_path / "one")
    two = loop.train(changed(experiment, devices=2), tmp_path / "two")
    assert_same(two, one, 1e-5)
    scanned = loop.train(changed(experiment, steps_per_call=2), tmp_path / "scanned")
    assert_same(scanned, one, 1e-5)
    both = loop.train(changed(experiment, steps_per_call=2, devices=2), tmp_path / "both")
    assert_same(both, one, 1e-5)


def test_accumulated_gradients_are_those_of_the_whole_batch(experiment, tmp_path):
    # The second stage alone: batch statistics of the first are, as everywhere, those of a piece.
    plain, pieces = (
        loop.train(changed(experiment, steps=1, accumulate=a, log_every=1), tmp_path / str(a)) for a in (1, 2)
    )
    assert_same(pieces.params, plain.params, 1e-5)


def test_a_run_resumes_on_another_number_of_devices(experiment, tmp_path):
    whole = loop.train(experiment, tmp_path / "whole")
    with pytest.raises(Killed):
        loop.train(experiment, tmp_path / "broken", observe=kill_at(6))
    assert_same(loop.train(changed(experiment, devices=2), tmp_path / "broken"), whole, 1e-5)


def test_a_row_of_the_log_holds_means_since_the_last_one(experiment, tmp_path):
    """However steps are called and mapped, and whenever a run is killed."""
    loop.train(changed(experiment, log_every=1), tmp_path / "each")
    each = {row["step"]: row for row in read(tmp_path / "each" / "log.jsonl")}
    ways = {"plain": {}, "scanned": {"steps_per_call": 2}, "devices": {"devices": 2}}
    ways["both"] = {"devices": 2, "steps_per_call": 2}
    for name, way in ways.items():
        loop.train(changed(experiment, log_every=4, **way), tmp_path / name)
        rows = read(tmp_path / name / "log.jsonl")
        assert [row["step"] for row in rows] == [4, 8]
        for row, player in zip(rows, ("encoder", "decoder"), strict=True):
            for metric in (f"{player}/loss", f"{player}/gradient"):
                wanted = np.mean([each[row["step"] - i][metric] for i in range(4)])
                np.testing.assert_allclose(row[metric], wanted, rtol=1e-5)
    assert rows[1]["decoder/step"] == 1.5

    odd = changed(experiment, log_every=4, checkpoint_every=3)
    with pytest.raises(Killed):
        loop.train(odd, tmp_path / "broken", observe=kill_at(8))
    loop.train(odd, tmp_path / "broken")
    whole, broken = (read(tmp_path / name / "log.jsonl") for name in ("plain", "broken"))
    timeless = lambda rows: [{name: value for name, value in row.items() if "per_second" not in name} for row in rows]
    assert timeless(broken) == timeless(whole)


def test_what_a_step_passes_over_or_loses_does_not_count_in_means():
    means = Means()
    means.add({"loss": np.array([1.0, np.nan, 3.0]), "penalty": np.array([np.nan, 8.0, np.nan]), "guard/skipped": 2})
    again = Means(json.loads(json.dumps(means.plain())))
    again.add({"loss": 5.0, "penalty": np.nan, "guard/skipped": 3})
    assert again.take() == {"loss": 3.0, "penalty": 8.0, "guard/skipped": 3.0}
    assert again.plain() == {}
    again.add({"loss": 1.0, "penalty": np.nan, "guard/skipped": 3})
    assert again.take() == {"loss": 1.0, "guard/skipped": 3.0}, "what no step has computed has no number"


def test_a_run_older_than_a_field_of_the_config_resumes(experiment, tmp_path):
    whole = loop.train(experiment, tmp_path / "whole")
    loop.train(experiment, tmp_path / "old")
    path = tmp_path / "old" / "config.json"
    about = json.loads(path.read_text())
    del about["data"]["megapixels"]
    path.write_text(json.dumps(about))
    assert_same(loop.train(experiment, tmp_path / "old"), whole)
    del about["data"]["flip"]
    path.write_text(json.dumps(about))
    with pytest.raises(ValueError, match=r"another config: data.flip \(there True, here False\)"):
        loop.train(with_data(experiment, flip=False), path.parent)


def with_data(experiment, **values):
    return dataclasses.replace(experiment, data=dataclasses.replace(experiment.data, **values))


def files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_another_config_in_the_same_folder_is_refused(experiment, tmp_path):
    loop.train(experiment, tmp_path / "run")
    before = files_of(tmp_path / "run")
    for other, said in (
        (with_data(experiment, flip=False), r"another config: data.flip \(there True, here False\)"),
        (changed(experiment, seed=1), "another config: train.seed"),
        (changed(experiment, steps=16), "since step 4, and would be in .* since step 8"),
        (changed(experiment, steps=6), "has 8 steps behind it, more than train.steps 6"),
        (dataclasses.replace(experiment, system=two_stage.Config(momentum=0.5)), "another config: system.momentum"),
    ):
        with pytest.raises(ValueError, match=f"{said}.*--train.begin_with"):
            loop.train(other, tmp_path / "run")
    assert files_of(tmp_path / "run") == before


def test_a_finished_run_is_prolonged(experiment, tmp_path):
    whole = loop.train(changed(experiment, steps=9), tmp_path / "whole")
    loop.train(experiment, tmp_path / "run")
    assert_same(loop.train(changed(experiment, steps=9), tmp_path / "run"), whole)
    told = going_on.changes(tmp_path / "run")
    assert [(one["step"], one["changed"]) for one in told] == [(8, {"train.steps": [8, 9]})]
    loop.train(changed(experiment, steps=9), tmp_path / "run")
    assert going_on.changes(tmp_path / "run") == told
    assert runs.read_config(tmp_path / "run" / "config.json")["train"]["steps"] == 9
    assert [row["step"] for row in read(tmp_path / "run" / "log.jsonl")] == [2, 4, 6, 8, 9]


def test_a_run_goes_on_with_another_rate_and_another_batch(experiment, tmp_path):
    half = loop.train(experiment, tmp_path / "run")
    other = changed(with_data(experiment, batch=8), steps=9)
    other = dataclasses.replace(other, system=two_stage.Config(rate=0.0))
    still = loop.train(other, tmp_path / "run")
    assert_same(still.params, half.params)
    changes = {"system.rate": [0.1, 0.0], "data.batch": [4, 8], "train.steps": [8, 9]}
    assert going_on.changes(tmp_path / "run")[0]["changed"] == changes
    assert going_on.images_seen(tmp_path / "run", 8, 9) == 8 * 4 + 8


def test_a_run_does_not_go_on_with_another_optimizer(experiment, tmp_path):
    loop.train(experiment, tmp_path / "run")
    other = dataclasses.replace(changed(experiment, steps=9), system=two_stage.Config(clip=1.0))
    with pytest.raises(ValueError, match=r"cannot go on .* optimizers or memory would be others.*--train.begin_with"):
        loop.train(other, tmp_path / "run")


def test_a_folder_with_other_things_in_it_is_refused(experiment, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ValueError, match="holds no run"):
        loop.train(experiment, tmp_path)


def test_a_batch_that_does_not_divide_is_refused_before_anything_is_written(experiment, tmp_path):
    odd = dataclasses.replace(changed(experiment, devices=2), data=dataclasses.replace(experiment.data, batch=5))
    with pytest.raises(ValueError, match=r"5 cannot be divided over 2 devices; try --data.batch 4"):
        loop.train(odd, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_log_cut_short_by_a_kill_is_read_up_to_the_cut(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 1}\n{"step": 2}\n{"ste')
    assert read(tmp_path / "log.jsonl") == [{"step": 1}, {"step": 2}]


def test_a_folder_in_training_is_refused_before_anything_is_touched(experiment, tmp_path):
    loop.train(changed(experiment, steps=2, checkpoint_every=2), tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with Lock(tmp_path / "run"):
        with pytest.raises(ValueError, match="is being trained by this process"):
            loop.train(changed(experiment, steps=2), tmp_path / "run")
        with pytest.raises(ValueError, match="is being trained by this process"):
            loop.train(changed(experiment, steps=2), tmp_path / "run")
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    loop.train(changed(experiment, steps=2), tmp_path / "run")
