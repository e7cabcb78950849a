"""Who learnt it and how it restores are two things: a solver of one file, on runs of another system."""

import contextlib
import dataclasses
import io
import sys

import jax
import numpy as np
import pytest

from dgan_jax import api, systems
from dgan_jax.cli.main import main
from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.core.targets import Beginning, beginnings
from dgan_jax.data.images import read_image, write_image
from dgan_jax.systems.diffusion_gan import ddgan
from dgan_jax.tasks.generate import Generate
from dgan_jax.tasks.inpaint import Inpaint
from dgan_jax.train import configs, runs
from dgan_jax.train.beginning import beginning_with

SMALL = ddgan.Config(
    steps=2, features=8, multipliers=(1,), blocks=1, attention=(), latent=4, latent_layers=1, latent_embedding=8,
    critic_features=4, critic_embedding=8,
)  # fmt: skip
NAME = "solver_on_noise"


@pytest.fixture(scope="module", autouse=True)
def solver():
    """The one file that a solver is, found as those in `systems/` are."""
    import solver_on_noise

    place, files = f"made_up.{NAME}", systems.files()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, place, solver_on_noise)
        patch.setattr(systems, "files", lambda: {**files, NAME: place})
        yield solver_on_noise


def experiment_of(task, images):
    data = Data(name=images, size=16, batch=4, crop="none", validation=0.25)
    train = Train(steps=2, sample_every=0, devices=1, checkpoint_every=2, log_every=1)
    return Experiment(system=SMALL, task=task, data=data, train=train)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "images.npz"
    np.savez(path, image=np.random.default_rng(0).integers(0, 256, (16, 16, 16, 3), dtype=np.uint8))
    return str(path)


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    """A run of images, as fresh as it begins."""
    folder = tmp_path_factory.mktemp("runs") / "prior"
    experiment = experiment_of(Generate(), images)
    runs.claim(folder, experiment)
    runs.write_state(folder, experiment, jax.device_get(runs.fresh_state(experiment, runs.built(experiment))))
    return str(folder)


def test_a_run_of_images_fills_holes_with_a_solver(run, solver):
    experiment, system, variables = runs.load(run, task="inpaint", choices={"system": NAME, "weight": 0.5})
    assert isinstance(experiment.task, Inpaint)
    assert experiment.solver == solver.Config(weight=0.5)
    assert (system.calls, system.draws, system.stages) == (2, True, ())
    assert set(system.players) == {"generator", "critic"}
    example = {"image": np.random.default_rng(1).uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)}
    y = jax.vmap(experiment.task.measure)(jax.random.split(jax.random.key(0), 1), example)
    restored = jax.jit(system.restore)(variables, y, jax.random.split(jax.random.key(1), 1))
    np.testing.assert_array_equal(experiment.task.project(restored, y), restored)


def test_the_commands_name_a_solver_in_one_way(run, images, tmp_path):
    drawn = api.sample(f"{run}@system={NAME}", 2, batch=2)
    again = api.sample(run, 2, batch=2, choices={"system": NAME})
    np.testing.assert_array_equal(drawn, again)
    report = api.evaluate([f"{run}@system={NAME}", "telea"], task="inpaint", limit=2, batch=2)
    assert len(report.table()) == 2
    photo, mask = np.full((16, 16, 3), 90, np.uint8), np.zeros((16, 16, 3), np.uint8)
    mask[4:8, 4:8] = 255
    write_image(tmp_path / "photo.png", photo)
    write_image(tmp_path / "mask.png", mask)
    arguments = ["restore", "inpaint", str(tmp_path / "photo.png"), "--hole", str(tmp_path / "mask.png")]
    arguments += ["--run", run, "--system", NAME, "--choose", "weight=0.5", "-o", str(tmp_path / "out")]
    assert main(arguments) == 0
    result = read_image(tmp_path / "out" / "photo.png", channels=3)
    assert np.all(result[mask == 0] == 90)


def test_an_export_restores_by_the_solver_that_was_chosen(run, tmp_path, solver):
    api.export(f"{run}@system={NAME},weight=0.25", tmp_path / "weights.safetensors")
    experiment, _, _ = runs.load(tmp_path / "weights.safetensors")
    assert experiment.solver == solver.Config(weight=0.25)
    np.testing.assert_array_equal(
        api.sample(tmp_path / "weights.safetensors", 2, batch=2),
        api.sample(run, 2, batch=2, choices={"system": NAME, "weight": 0.25}),
    )


def test_a_config_may_name_its_solver(images, solver):
    experiment = dataclasses.replace(experiment_of(Generate(), images), solver=solver.Config(weight=0.5))
    assert configs.from_dict(configs.to_dict(experiment)) == experiment
    chosen = runs.restoring(experiment, task="inpaint", choices={"weight": 0.1}, place="run")
    assert chosen.solver == solver.Config(weight=0.1)


@pytest.mark.parametrize(
    ("choices", "task", "said"),
    [
        ({"system": NAME}, "denoise", f"solver '{NAME}' does not do the task 'denoise'; it does: generate, inpaint"),
        ({"system": "telea"}, "inpaint", f"'telea' is no solver.*solvers for 'inpaint': .*{NAME}"),
        ({"system": "solver_on_noice"}, "inpaint", f"did you mean '{NAME}'"),
        ({"system": NAME, "wait": 1}, "inpaint", "wait"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(run, choices, task, said):
    with pytest.raises(ValueError, match=said):
        runs.load(run, task=task, choices=choices)


def test_a_prior_of_another_task_is_refused(images):
    learnt = experiment_of(Inpaint(), images)
    with pytest.raises(ValueError, match=f"solver '{NAME}' does 'generate' with a run of the task 'generate'"):
        runs.restoring(learnt, task="generate", choices={"system": NAME}, place="run")


def test_a_system_that_lends_nothing_says_what_would(images, monkeypatch, solver):
    monkeypatch.setattr(solver, "PRIOR", systems.Generator)
    experiment = dataclasses.replace(experiment_of(Generate(), images), solver=solver.Config())
    learner = runs.built(experiment)
    with pytest.raises(ValueError, match=r"lends a Denoiser.*wants a Generator.*runs of: .*diffusion_gan_noise"):
        runs.solving(experiment, experiment, learner)


def test_a_solver_without_a_run_is_refused(capsys, tmp_path):
    with contextlib.redirect_stdout(io.StringIO()):
        code = main(["evaluate", NAME, "--task", "inpaint"])
    assert code == 2
    assert "restores with a run" in capsys.readouterr().err.replace("\n", " ")


def test_networks_begin_with_several_places(run, images):
    assert beginnings("runs/a") == (Beginning("", "runs/a", ""),)
    assert beginnings("generator=a,critic=b#judge") == (
        Beginning("generator", "a", ""),
        Beginning("critic", "b", "judge"),
    )
    with pytest.raises(ValueError, match="names 'generator' twice"):
        beginnings("generator=a,generator=b")
    given = beginning_with(f"generator={run}")
    assert set(given["params"]) == {"generator"}
    experiment = experiment_of(Generate(), images)
    begun = runs.fresh_state(experiment, runs.built(experiment), given)
    same = lambda ours, theirs: jax.tree.all(jax.tree.map(np.array_equal, ours, theirs))
    assert same(begun.params["generator"], given["params"]["generator"])
    assert same(begun.ema["generator"], given["params"]["generator"])
    with pytest.raises(ValueError, match=r"has no network 'judge' for 'critic'.*it holds critic, generator"):
        beginning_with(f"critic={run}#judge")
