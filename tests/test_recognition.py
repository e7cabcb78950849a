"""dgan convert without --config, and dgan restore --run FILE.pth: what a file holds is told by its tensors alone."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch_writer

from dgan_jax import api, convert, systems
from dgan_jax.cli.main import main
from dgan_jax.convert import recognition, sngan, srresnet, srvgg, vgg_critics
from dgan_jax.convert import rrdb as of_rrdb
from dgan_jax.data.images import write_image
from dgan_jax.nets.rrdb import RRDBNet
from dgan_jax.nets.srvgg import SRVGGNet
from dgan_jax.train import configs, runs

FIXTURES = Path(__file__).parent / "parity" / "fixtures"


def drawn(shapes):
    """Tensors of these shapes by name, small numbers."""
    draw = np.random.default_rng(0)
    return {name: draw.normal(0, 0.02, tuple(shape)).astype(np.float32) for name, shape in shapes}


def of_fixture(name):
    return drawn(json.loads(str(np.load(FIXTURES / f"{name}.npz")["meta"]))["state"])


def of_module(module, back, channels=3):
    """A file of one of our networks, by published names."""
    params = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 4, 4, channels)))["params"]
    state = back(jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), params))
    return drawn((name, value.shape) for name, value in state.items())


def oldest(state, blocks):
    """The names of files from before ESRGAN's code, of a file in BasicSR's."""
    enlarging = sorted(name for name in state if name.startswith("conv_up") and name.endswith("weight"))
    ups = len(enlarging)
    numbers = {f"conv_up{i + 1}": 3 + 3 * i for i in range(ups)} | {"conv_first": 0}
    numbers |= {"conv_hr": 2 + 3 * ups, "conv_last": 4 + 3 * ups}
    found = {}
    for name, value in state.items():
        layer, _, leaf = name.rpartition(".")
        if layer == "conv_body":
            found[f"model.1.sub.{blocks}.{leaf}"] = value
        elif layer in numbers:
            found[f"model.{numbers[layer]}.{leaf}"] = value
        else:
            _, number, dense, conv = layer.split(".")
            found[f"model.1.sub.{number}.{dense.upper()}.{conv}.0.{leaf}"] = value
    return found


def told(state, tmp_path, task=None):
    torch_writer.save(state, tmp_path / "net.pth")
    return api.published(tmp_path / "net.pth", None, task)


@pytest.mark.parametrize(
    ("name", "system", "scale"),
    [
        ("sr_rrdbnet_x4", {"features": 16, "blocks": 2, "growth": 8}, 4),
        ("sr_rrdbnet_x2", {"features": 16, "blocks": 1, "growth": 8}, 2),
        ("sr_esrgan_oldnames", {"features": 16, "blocks": 2, "growth": 8}, 4),
        ("sr_msrresnet_x4", {"features": 16, "blocks": 3}, 4),
        ("sr_msrresnet_x2", {"features": 12, "blocks": 2}, 2),
        ("sr_ranksrgan_generator", {"features": 16, "blocks": 2, "network": "trunk"}, 4),
    ],
)
@pytest.mark.parametrize("wrap", ["", "params_ema", "module.", "netG.", "module.netG."])
def test_networks_of_any_size_are_told_in_every_wrapping(name, system, scale, wrap, tmp_path):
    state = of_fixture(name)
    file = {wrap: state, "params": drawn([("x", (2,))])} if wrap == "params_ema" else {
        wrap + name: value for name, value in state.items()
    }  # fmt: skip
    held = told(file, tmp_path)
    config = held.experiment.system
    assert {name: getattr(config, name) for name in system} == system
    assert held.experiment.task.scale == scale
    assert f"enlarges {scale} times" in held.words
    module = held.system.players["generator"].module
    rules = of_rrdb if "rrdb" in name or "esrgan_old" in name else srresnet
    wanted = rules.generator_variables(module, state)
    jax.tree.map(np.testing.assert_array_equal, held.variables["params"]["generator"], wanted["params"])


@pytest.mark.parametrize(("fold", "doublings", "channels"), [(1, 2, 3), (1, 0, 3), (1, 1, 1), (4, 2, 3), (1, 3, 3)])
def test_the_oldest_names_and_every_factor_of_rrdbnet_are_told(fold, doublings, channels, tmp_path):
    module = RRDBNet(4, 3, 2, fold, doublings, channels)
    state = of_module(module, of_rrdb.generator_state, channels)
    scale = 2**doublings // fold
    for file in (state, oldest(state, 3)) if fold == 1 else (state,):
        held = told(file, tmp_path, None if scale > 1 else "denoise")
        assert held.system.players["generator"].module == module
        assert held.experiment.data.channels == channels
        assert "denoise" in held.words or getattr(held.experiment.task, "scale", 1) == scale


@pytest.mark.parametrize(("scale", "layers"), [(4, 3), (2, 0), (1, 2)])
def test_the_compact_network_is_told(scale, layers, tmp_path):
    module = SRVGGNet(6, layers, scale)
    state = of_module(module, lambda params: srvgg.generator_state(module, params))
    held = told({"params": state}, tmp_path)
    assert held.system.players["generator"].module == module
    jax.tree.map(
        np.testing.assert_array_equal,
        srvgg.generator_state(module, held.variables["params"]["generator"]), state,
    )  # fmt: skip
    silent = {name: value for name, value in state.items() if value.ndim != 1 or name.endswith("bias")}
    with pytest.raises(ValueError, match="relu or leakyrelu"):
        told(silent, tmp_path)


def test_a_file_of_a_published_config_is_told_by_its_names_and_shapes(tmp_path):
    experiment = configs.load("sngan_cifar10")
    module = runs.built(experiment).players["generator"].module
    variables = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, experiment.system.latent)))
    state = sngan.generator_state(module, jax.tree.map(lambda leaf: np.ones(leaf.shape, np.float32), variables))
    held = told({"gen_state_dict": {f"module.{name}": value for name, value in state.items()}}, tmp_path)
    assert systems.name_of(held.experiment.system) == "sngan"
    assert "config sngan_cifar10" in held.words


@pytest.mark.parametrize(
    ("name", "network", "system", "sizes"),
    [
        ("dcgan", "G.", "gan", {"features": 8, "latent": 20, "levels": 4}),
        ("sngan_generator", "", "sngan", {"features": 24, "latent": 32, "network": "resnet"}),
        ("dcgan_generator", "", "sngan", {"features": 64, "latent": 16, "network": "dcgan"}),
        ("sndcgan_discriminator", "", "sngan", {"critic_features": 64, "network": "dcgan"}),
        ("ddpm_unet", "", "ddpm", {"features": 32}),
        ("ddgan_generator", "", "ddgan", {}),
    ],
)
def test_networks_like_those_of_a_config_are_told_in_other_sizes(name, network, system, sizes, tmp_path):
    shapes = json.loads(str(np.load(FIXTURES / f"{name}.npz")["meta"]))["state"]
    shapes = [(name.removeprefix(network), shape) for name, shape in shapes if name.startswith(network)]
    vectors = []
    for layer, shape in shapes:
        if layer.endswith("weight_orig"):
            vectors += [(f"{layer[:-5]}_u", (shape[0],)), (f"{layer[:-5]}_v", (int(np.prod(shape[1:])),))]
    held = told(drawn([*shapes, *vectors]), tmp_path)
    assert systems.name_of(held.experiment.system) == system
    assert "other sizes" in held.words or name == "sndcgan_discriminator"  # which a small config has
    assert {name: getattr(held.experiment.system, name) for name in sizes} == sizes
    assert sum(leaf.size for leaf in jax.tree.leaves(held.variables)) == sum(
        int(np.prod(shape)) for layer, shape in [*shapes, *vectors] if "num_batches" not in layer
    )


def test_what_is_not_told_is_one_sentence_that_says_what_came_nearest(tmp_path, capsys):
    state = of_fixture("sr_rrdbnet_x4")
    state.pop("body.1.rdb2.conv3.weight")
    torch_writer.save({"params": state}, tmp_path / "net.pth")
    assert main(["convert", str(tmp_path / "net.pth"), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "nearest to rrdb" in error
    assert "body.1.rdb2.conv3.weight" in error
    torch_writer.save({"some.weight": np.zeros((2, 2), np.float32)}, tmp_path / "net.pth")
    assert main(["convert", str(tmp_path / "net.pth"), "--out", str(tmp_path / "run")]) == 2
    assert "no network that is known" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_task_that_does_not_fit_the_factor_is_refused(tmp_path):
    with pytest.raises(ValueError, match="enlarges 4 times"):
        told(of_fixture("sr_rrdbnet_x4"), tmp_path, "denoise")


def test_a_photograph_is_enlarged_by_a_file_at_once_and_by_its_run(tmp_path, capsys):
    torch_writer.save({"params_ema": of_fixture("sr_rrdbnet_x2")}, tmp_path / "x2.pth")
    photo = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    write_image(tmp_path / "photo.png", photo)
    file, run = tmp_path / "x2.pth", tmp_path / "run"
    assert (
        main(["restore", "superres", str(tmp_path / "photo.png"), "--run", str(file), "-o", str(tmp_path / "a")]) == 0
    )
    assert main(["convert", str(file), "--out", str(run)]) == 0
    assert "found: RRDBNet (ESRGAN): enlarges 2 times, 1 blocks, 16 features, growth 8" in capsys.readouterr().out
    ours = api.restoring("superres", run=file)(photo)(0)
    assert ours.shape == (40, 48, 3)
    assert np.array_equal(api.restoring("superres", run=run)(photo)(0), ours)


def test_every_converter_says_what_it_knows():
    for name in convert.known():
        assert getattr(convert.module_of(name), "SIGNS", ()), f"converter {name} has no SIGNS"
    assert recognition.share(vgg_critics, ["conv0_0.weight", "linear1.bias", "bn3_1.running_mean", "other"]) == 0.75
