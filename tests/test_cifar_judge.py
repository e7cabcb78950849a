"""The classifier of CIFAR-10 that comes along: how it is trained, folded and shipped, and that it orders sets."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from dgan_jax.cli.main import main
from dgan_jax.core.experiment import Data
from dgan_jax.data.options import open_data
from dgan_jax.data.safetensors_file import read_weights
from dgan_jax.metrics import cifar
from dgan_jax.metrics.sets import join
from dgan_jax.metrics.table import named
from dgan_jax.nets.cifar_classifier import CifarClassifier, fold
from dgan_jax.train import cifar_classifier as training

ACCURACY = 87.0
NAMES = ("is_cifar", "fid_cifar", "precision_cifar", "recall_cifar")


def labelled(path, count):
    """Ten colours for ten classes, with noise."""
    random = np.random.default_rng(0)
    label = np.arange(count) % 10
    tone = np.random.default_rng(1).integers(30, 220, (10, 3))
    image = tone[label][:, None, None, :] + random.normal(0, 20, (count, 32, 32, 3))
    np.savez(path, image=np.clip(image, 0, 255).astype(np.uint8), label=label)
    return path


def test_folding_changes_nothing():
    keys = iter(jax.random.split(jax.random.key(0), 50))
    images = jax.random.uniform(next(keys), (2, 32, 32, 3))
    variables = CifarClassifier(widths=(4, 5, 6)).init(next(keys), images)
    statistics = jax.tree.map(lambda leaf: jax.random.uniform(next(keys), leaf.shape) + 0.5, variables["batch_stats"])
    params = jax.tree.map(lambda leaf: leaf + 0.1 * jax.random.normal(next(keys), leaf.shape), variables["params"])
    plain = CifarClassifier(widths=(4, 5, 6)).apply({"params": params, "batch_stats": statistics}, images)
    folded = CifarClassifier(widths=(4, 5, 6), folded=True).apply({"params": fold(params, statistics)}, images)
    np.testing.assert_allclose(folded.logits, plain.logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(folded.features, plain.features, rtol=1e-4, atol=1e-5)


def test_it_learns_goes_on_after_a_kill_and_says_how_it_was_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "NET", CifarClassifier(widths=(4, 5, 6)))
    monkeypatch.setattr(training, "Recipe", partial(training.Recipe, batch=20))
    data, save = labelled(tmp_path / "a.npz", 100), training.save
    command = lambda out: ["judge", "--data", str(data), "--test", str(data), "-o", str(out), "--epochs", "3"]

    def killed(*given):
        save(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "save", killed)
    assert main(command(tmp_path / "killed.safetensors")) == 130
    monkeypatch.setattr(training, "save", save)
    for out in ("killed", "whole"):
        assert main(command(tmp_path / f"{out}.safetensors")) == 0
    said = capsys.readouterr().out
    assert (said.count("epoch 1/3"), said.count("epoch 2/3")) == (1, 2), "the killed one went on with its second"
    killed_, whole = (read_weights(tmp_path / f"{out}.safetensors") for out in ("killed", "whole"))
    jax.tree.map(np.testing.assert_array_equal, killed_.params, whole.params)
    assert whole.config["epochs"] == 3
    assert whole.config["data"] == "100 training images of a.npz"
    assert whole.config["accuracy"] > 15, "chance is 10 %"
    assert main([*command(tmp_path / "whole.safetensors")[:-1], "4"]) == 2
    assert "of another recipe" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"image": np.zeros((4, 32, 32, 3), np.uint8)}, "is no set of labelled images"),
        ({"image": np.zeros((4, 28, 28, 3), np.uint8), "label": np.zeros(4)}, "wanted are 4 of 32x32x3"),
        ({"image": np.zeros((4, 32, 32, 3), np.uint8), "label": np.full(4, 10)}, "classes 0 to 9"),
        ({"image": np.zeros((4, 32, 32, 3), np.uint8), "label": np.zeros(4)}, "fewer than the 250 of a batch"),
    ],
)
def test_what_is_no_training_set_is_one_sentence(arrays, said, tmp_path, capsys):
    np.savez(tmp_path / "a.npz", **arrays)
    data = str(tmp_path / "a.npz")
    assert main(["judge", "--data", data, "--test", data, "-o", str(tmp_path / "out.safetensors")]) == 2
    assert said in capsys.readouterr().err


def figures(restored, originals):
    """By the metrics' names."""
    metrics = named(NAMES)
    described = [join([jax.jit(cifar.described)(jnp.asarray(images))]) for images in (restored, originals)]
    return {name: metric.figure(*described) for name, metric in metrics.items()}


def test_what_is_shipped_is_small_and_tells_its_accuracy():
    weights = read_weights(cifar.WEIGHTS)
    assert cifar.WEIGHTS.stat().st_size <= 2**20
    assert weights.config["accuracy"] > ACCURACY
    assert {"command", "data", "test", "device", "seconds", "date"} <= weights.config.keys()


def test_the_figures_order_sets_as_they_should(photographs):
    """Pieces of photographs against others, blurred ones, few of them again and again, and noise. Nothing is asked of
    precision: noise looks so much the same that it lies near to something (docs/metrics.md)."""
    real, others = photographs
    blurred = ndimage.uniform_filter(others, (0, 5, 5, 0))
    few = np.resize(others[:8], others.shape)
    noise = np.random.default_rng(0).random(others.shape, np.float32)
    found = {
        name: figures(images, real)
        for name, images in {"others": others, "blurred": blurred, "few": few, "noise": noise}.items()
    }
    distance = {name: row["fid_cifar"] for name, row in found.items()}
    assert distance["others"] < min(distance["blurred"], distance["few"]) < distance["noise"]
    assert found["noise"]["recall_cifar"] == 0.0
    assert found["few"]["recall_cifar"] < found["others"]["recall_cifar"]
    assert found["noise"]["is_cifar"] < found["few"]["is_cifar"] < found["others"]["is_cifar"]


def test_other_sizes_and_grey_images_are_seen_too():
    image = jnp.linspace(0, 1, 64 * 64).reshape(1, 64, 64, 1)
    large, small = (cifar.described(given) for given in (image, image[:, ::2, ::2]))
    assert large["features"].shape == (1, 128)
    np.testing.assert_allclose(large["logits"], small["logits"], atol=0.5)


@pytest.fixture(scope="module")
def photographs():
    """Two halves of pieces of bundled photographs, 32x32, [N, 32, 32, 3] in [0, 1]."""
    source = open_data(Data(name="bundled", size=128, batch=1, validation=0.0), "train")
    pieces = []
    for image in source.gather(np.arange(len(source)))[0]:
        small = image[: image.shape[0] // 64 * 64 : 2, : image.shape[1] // 64 * 64 : 2].astype(np.float32) / 255
        rows, columns = small.shape[0] // 32, small.shape[1] // 32
        pieces.append(small.reshape(rows, 32, columns, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3))
    together = np.random.default_rng(0).permutation(np.concatenate(pieces))
    half = min(len(together) // 2, 256)
    return together[:half], together[half : 2 * half]
