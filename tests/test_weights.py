"""Trained networks in one file: exported, read, refused; and those that come with the package."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from PIL import Image

from dgan_jax import api, systems
from dgan_jax.cli.main import main
from dgan_jax.compare.entrants import has_networks, training_of
from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import dgan
from dgan_jax.tasks.mixture import Mixture
from dgan_jax.train import runs, weights

SMALL = Experiment(
    system=dgan.Config(
        steps=2, restore_steps=2, wavelet_levels=1, estimator_features=(8,), estimator_blocks=(1,), features=(8,),
        blocks=(1,), refiner_features=(8,), refiner_blocks=(1,), latent=4, critic_features=(4,), critic_blocks=(1,),
        estimate_share=0.5, refine_share=0.25,
    ),
    task=Mixture(kinds=("noise", "hole"), hole="box", fill="pull_push"),
    data=Data(size=16, batch=4),
    train=Train(steps=4),
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run at its last step, with weights that are nowhere zero."""
    out = tmp_path_factory.mktemp("weights") / "run"
    system = runs.built(SMALL)
    state = runs.enter(runs.fresh_state(SMALL, system), system, SMALL.train.steps)
    leaves, tree = jax.tree.flatten(state.ema)
    keys = jax.random.split(jax.random.key(0), len(leaves))
    moved = [x + 0.1 * jax.random.normal(key, x.shape) for x, key in zip(leaves, keys, strict=True)]
    state = state.replace(ema=jax.tree.unflatten(tree, moved), step=np.int32(SMALL.train.steps))
    (out.parent / "photos").mkdir()
    here = dataclasses.replace(SMALL, data=dataclasses.replace(SMALL.data, name=str(out.parent / "photos")))
    runs.claim(out, here)
    runs.write_state(out, here, jax.device_get(state))
    return out


@pytest.fixture(scope="module")
def file(run):
    path = run.parent / "small.safetensors"
    assert main(["export", str(run), "-o", str(path)]) == 0
    return path


def test_a_file_restores_as_its_run_does(run, file, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    restored = []
    for place in (run, file):
        out = tmp_path / place.name
        argv = ["restore", "denoise", str(tmp_path / "a.png"), "--sigma", "20", "--run", str(place), "-o", str(out)]
        assert main(argv) == 0
        restored.append((out / "a.png").read_bytes())
    assert restored[0] == restored[1]
    assert restored[0] != (tmp_path / "a.png").read_bytes()


def test_what_restores_is_in_the_file_and_no_critic(run, file):
    experiment, _, variables = runs.load(file)
    assert (experiment.system, experiment.task) == (SMALL.system, SMALL.task)
    assert variables["params"].keys() == {"estimator", "generator", "refiner"}
    whole = runs.load(run)[2]["params"]
    for player, params in variables["params"].items():
        jax.tree.map(np.testing.assert_array_equal, params, whole[player])
    calm = runs.load(file, task="denoise", choices={"realism": 0.0})[0]
    assert (calm.system.realism, type(calm.task).__name__) == (0.0, "Denoise")
    assert training_of(file) == training_of(run)
    assert has_networks(str(file))


def test_half_the_bits_take_half_the_room(run, file, tmp_path):
    half = tmp_path / "half.safetensors"
    api.export(f"{run}@realism=0.5", half, dtype="float16")
    assert runs.load(half)[0].system.realism == 0.5
    assert half.stat().st_size < 0.6 * file.stat().st_size
    ours, theirs = (runs.load(path)[2]["params"] for path in (half, file))
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
    text = half.with_suffix(".json").read_text()
    assert json.loads(text)["config"]["experiment"]["data"]["name"] == "photos"
    assert str(run.parent) not in text, "where the images lay is not told"
    with pytest.raises(ValueError, match="one of float32, float16, bfloat16, got 'int8'"):
        api.export(run, half, dtype="int8")


def test_statistics_are_not_narrowed(run, tmp_path):
    experiment, _, variables = runs.load(run)
    # More than float16 can hold.
    large = {"generator": {"batch_stats": {"variance": np.full(3, 1e6, np.float32)}}}
    path = tmp_path / "half.safetensors"
    weights.write(path, experiment, {**variables, "model_state": large}, training={}, dtype="float16")
    held = weights.read(path).variables
    assert {leaf.dtype for leaf in jax.tree.leaves(held["params"])} == {np.dtype(np.float16)}
    jax.tree.map(np.testing.assert_array_equal, held["model_state"], large)


def test_a_changed_file_is_refused(file, tmp_path, capsys):
    broken, beside = tmp_path / file.name, tmp_path / f"{file.stem}.json"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    broken.write_bytes(data)
    beside.write_bytes(file.with_suffix(".json").read_bytes())
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    argv = ["restore", "denoise", str(tmp_path / "a.png"), "--run", str(broken), "-o", str(tmp_path / "out")]
    assert main(argv) == 2
    assert "its SHA-256 differs" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_another_network_than_the_config_describes_is_refused(run, tmp_path):
    variables = runs.load(run)[2]
    wider = dataclasses.replace(SMALL, system=dataclasses.replace(SMALL.system, features=(16,)))
    weights.write(tmp_path / "a.safetensors", wider, variables, training={}, dtype="float32")
    with pytest.raises(ValueError, match="other arrays for 'generator' than its config describes"):
        runs.load(tmp_path / "a.safetensors")


def test_a_place_that_is_nothing_says_what_there_is(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere holds no run .* comes with the package: .*dgan_photos"):
        runs.load("nowhere")


@pytest.mark.parametrize("name", list(weights.known()))
def test_weights_that_come_with_the_package_are_whole_and_described(name):
    path = weights.known()[name]
    experiment, system, variables = runs.load(name)
    assert systems.name_of(experiment.system)
    assert set(system.players) >= variables["params"].keys()
    page = path.with_suffix(".md").read_text()
    assert json.loads(path.with_suffix(".json").read_text())["sha256"] in page
    told = training_of(name)
    # With the steps of what it began with.
    began = bool(experiment.train.begin_with)
    assert told["steps"] > experiment.train.steps if began else told["steps"] == experiment.train.steps
    assert told["hardware"]["cores"]


def test_the_weights_that_restore_unasked_are_there_and_say_what_they_do_not_do():
    assert api.DEFAULT in weights.known()
    with pytest.raises(
        ValueError,
        match=r"dgan_photos.* do inpaint, superres, .* no deblur; try dgan restore deblur PHOTO --system \w+, or",
    ):
        api.restoring("deblur")


def test_names_are_checked_before_anything_is_opened(run, monkeypatch, capsys):
    nothing = lambda *_, **__: pytest.fail("opened")
    monkeypatch.setattr("dgan_jax.compare.chosen.experiment_of", nothing)
    assert main(["evaluate", str(run), "nlm"]) == 2
    assert "unknown system 'nlm'" in capsys.readouterr().err
    monkeypatch.setattr("dgan_jax.cli.restore.plan", nothing)
    assert main(["restore", "denoise", "a.png", "--system", "nlm"]) == 2
    assert "unknown system 'nlm'" in capsys.readouterr().err


def test_a_mixture_s_run_beside_a_single_task_s_system_says_what_both_can_do(run, capsys):
    assert main(["evaluate", str(run), "biharmonic"]) == 2
    assert "both can do inpaint: give --task inpaint" in capsys.readouterr().err
    assert main(["evaluate", str(run), "telea", "--task", "denoise"]) == 2
    assert "'telea' does not do the task 'denoise'; it does:" in capsys.readouterr().err


def test_one_network_has_one_default_in_figures_wherever_it_lies(run, tmp_path):
    same, wild = tmp_path / "same.safetensors", tmp_path / "wild.safetensors"
    api.export(run, same)
    api.export(f"{run}@realism=1", wild)
    for i in range(2):
        image = np.random.default_rng(i).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "photos" / f"{i}.png")
    places = [str(run), str(same), f"{run}@realism=1", str(wild)]
    report = api.evaluate(places, task="denoise", data=str(tmp_path / "photos"), batch=2)
    rows = {row[0]: row[1:-1] for row in report.table()}
    assert list(rows) == [
        "run (realism 0)",
        "same.safetensors (realism 0)",
        "run@realism=1",
        "wild.safetensors (realism 1)",
    ]
    figure = {name: row[0].strip("*≈ ") for name, row in rows.items()}
    least, same, sample, wild = figure.values()
    assert least == same
    assert wild == sample != least


def test_restoring_has_the_same_default_and_says_it(run, tmp_path, capsys):
    api.export(f"{run}@realism=1", tmp_path / "wild.safetensors")
    opened = lambda place, **options: api.restoring("denoise", run=place, **options)
    assert (opened(run).unsaid, opened(run).system.calls, opened(run).system.draws) == ("realism 0", 1, False)
    assert opened(run, choices={"realism": 0.5}).unsaid == opened(f"{run}@realism=1").unsaid == ""
    several = opened(run, samples=2)
    assert (several.unsaid, several.system.draws) == ("realism 1", True)
    assert opened(tmp_path / "wild.safetensors").unsaid == "realism 1"
    assert opened(tmp_path / "wild.safetensors").system.draws
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "photo.png")
    command = ["restore", "denoise", str(tmp_path / "photo.png"), "--sigma", "25", "--run", str(run)]
    assert main([*command, "-o", str(tmp_path / "a")]) == 0
    assert f"{run}, realism 0" in capsys.readouterr().out
    assert main([*command, "--realism", "0", "-o", str(tmp_path / "b")]) == 0
    assert "realism" not in capsys.readouterr().out
    results = [np.asarray(Image.open(tmp_path / folder / "photo.png")) for folder in "ab"]
    np.testing.assert_array_equal(*results)
