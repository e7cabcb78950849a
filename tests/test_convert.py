"""dgan convert: a file in the published layout becomes a run; a malicious one is refused."""

import dataclasses

import jax
import numpy as np
import pytest
import torch_writer

from dgan_jax import api, convert, systems
from dgan_jax.cli.main import main
from dgan_jax.convert import ddgan as names
from dgan_jax.convert.trees import channels_of
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


def refused(capsys, *arguments):
    """The one sentence by which dgan convert refuses."""
    assert main(["convert", *map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_system_without_published_checkpoints_is_named(tmp_path, capsys):
    torch_writer.save({"a": np.zeros(2, np.float32)}, tmp_path / "a.pth")
    for name in ("dgan_quickstart", "srddgan_photos_x4", "diffusion_gan_noise_cifar10"):
        error = refused(capsys, tmp_path / "a.pth", "--config", name, "--out", tmp_path / "run")
        assert repr(systems.name_of(configs.load(name).system)) in error
        assert "wavediff" in error
    assert not (tmp_path / "run").exists()


def test_every_converter_belongs_to_a_system():
    assert {"ddgan", "diffir", "lddgan", "wavediff"} <= set(convert.known()) <= set(systems.files())


def test_a_checkpoint_of_another_scale_is_one_clear_sentence(tmp_path, capsys):
    """Its first convolution folds no pixels, that of the config for enlarging by 2 folds 2x2 into one."""
    arrays = {"G.patch_embed.proj.weight": np.zeros((64, 3, 3, 3), np.float32)}
    torch_writer.save({"params_ema": arrays}, tmp_path / "x4.pth")
    error = refused(capsys, tmp_path / "x4.pth", "--config", "diffir_superres_x2", "--out", tmp_path / "run")
    assert "multiple of 4" in error
    assert "scale" in error
    assert not (tmp_path / "run").exists()


def test_what_converters_read_off_the_file_is_held_against_the_config(config, tmp_path):
    """Another length of the latent fits the rules for names, but no checkpoint of that config."""
    experiment = configs.load(config)
    module = systems.build(experiment.system, experiment.task, runs.spec_of(experiment)).players["generator"].module
    shapes = runs.state_like(experiment, runs.built(experiment), 0).params["generator"]
    params = jax.tree.map(lambda x: np.zeros(x.shape, np.float32), shapes)
    state = names.generator_state(module, params)
    state["z_transform.1.weight"] = np.repeat(state["z_transform.1.weight"], 2, axis=1)
    torch_writer.save(state, tmp_path / "netG_7.pth")
    with pytest.raises(ValueError, match=r"the checkpoint's generator has .* the config's"):
        api.convert(tmp_path / "netG_7.pth", experiment, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_channels_that_are_folded_must_be_whole():
    state = {"first.weight": np.zeros((8, 12, 3, 3), np.float32)}
    assert channels_of(state, "first.weight", "net", fold=2) == 3
    with pytest.raises(ValueError, match="multiple of 16"):
        channels_of(state, "first.weight", "net", fold=4)


def test_no_error_of_a_converter_reaches_the_user_as_it_is(monkeypatch):
    for error in (ZeroDivisionError(), KeyError("main.0.weight"), TypeError("shapes"), IndexError()):

        def players(modules, state, error=error):
            raise error

        monkeypatch.setattr(names, "players", players)
        with pytest.raises(ValueError, match="does not fit the config's network"):
            convert.players("ddgan", {}, {})


def test_another_file_does_not_go_into_a_run_that_holds_checkpoints(config, tmp_path, capsys):
    experiment = configs.load(config)
    runs.claim(tmp_path / "run", experiment)
    (tmp_path / "run" / "checkpoints" / "0").mkdir(parents=True)
    torch_writer.save({"a": np.zeros(2, np.float32)}, tmp_path / "netG_7.pth")
    assert "--out" in refused(capsys, tmp_path / "netG_7.pth", "--config", config, "--out", tmp_path / "run")
