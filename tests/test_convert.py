"""dgan convert: a file in the published layout becomes a run; a malicious one is refused."""

import dataclasses

import jax
import numpy as np
import pytest
import torch_writer

from dgan_jax import api, systems
from dgan_jax.cli.main import main
from dgan_jax.convert import ddgan as names
from dgan_jax.tasks.generate import Generate
from dgan_jax.train import configs, runs


@pytest.fixture
def config(tmp_path):
    """The path of a small unconditional config."""
    source = configs.known()["ddgan_cifar10"].read_text()
    path = tmp_path / "small.py"
    path.write_text(
        source.replace("def get_config", "def published")
        .replace("def get_tiny", "def get_config")
        .replace("Generate(classes=2)", "Generate()")
        .replace(", classes=2)", ")")
    )
    return str(path)


def test_a_published_file_becomes_a_run_that_samples(config, tmp_path):
    experiment = configs.load(config)
    assert experiment.task == Generate()
    system = systems.build(experiment.system, experiment.task, runs.spec_of(experiment))
    module = system.players["generator"].module
    params = jax.device_get(runs.fresh_state(dataclasses.replace(experiment), system)).params["generator"]
    draw = np.random.default_rng(0)
    params = jax.tree.map(lambda x: draw.normal(0, 0.1, x.shape).astype(np.float32), params)
    state = {f"module.{name}": value for name, value in names.generator_state(module, params).items()}
    torch_writer.save(state, tmp_path / "netG_7.pth")

    assert main(["convert", str(tmp_path / "netG_7.pth"), "--config", config, "--out", str(tmp_path / "run")]) == 0
    _, _, variables = runs.load(tmp_path / "run")
    jax.tree.map(np.testing.assert_array_equal, variables["params"]["generator"], params)
    images = api.sample(tmp_path / "run", 3)
    assert images.shape == (3, 8, 8, 3)
    assert np.array_equal(images[:2], api.sample(tmp_path / "run", 2)), "image i does not depend on how many are drawn"


def test_a_file_that_would_run_code_is_refused_and_runs_none(config, tmp_path, capsys):
    mark = tmp_path / "mark"

    class Evil:
        def __reduce__(self):
            import os

            return os.system, (f"touch {mark}",)

    torch_writer.save({"module.all_modules.0.weight": Evil()}, tmp_path / "netG_7.pth")
    assert main(["convert", str(tmp_path / "netG_7.pth"), "--config", config, "--out", str(tmp_path / "run")]) == 2
    assert "system" in capsys.readouterr().err
    assert not mark.exists()
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_another_width_is_one_clear_sentence(config, tmp_path, capsys):
    torch_writer.save({"module.all_modules.0.weight": np.zeros((2, 2), np.float32)}, tmp_path / "netG_7.pth")
    assert main(["convert", str(tmp_path / "netG_7.pth"), "--config", config, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "all_modules" in error
    assert not (tmp_path / "run").exists()
