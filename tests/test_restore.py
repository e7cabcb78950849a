"""Every task from training to the restored photograph, with a network of a few weights."""

import functools

import jax
import numpy as np
import pytest
from PIL import Image

from dgan_jax import api, restore, systems, tasks
from dgan_jax.cli.main import main
from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.core.parts import System
from dgan_jax.ops import resize
from dgan_jax.systems.diffusion_gan import ddgan
from dgan_jax.train import runs
from dgan_jax.train.log import read
from dgan_jax.train.preview import Preview
from dgan_jax.train.state import TrainState
from dgan_jax.train.step import train_step

OPTIONS = {
    "superres": {"scale": 2},
    "denoise": {},
    "deblur": {"size": 7, "length": (3, 7)},
    "dehaze": {},
    "jpeg": {},
    "mixture": {"kinds": ("noise", "hole"), "together": 2, "hole": "box"},
}
TRAINED = ("superres", "mixture")
"""Compiling a training step takes long: these are trained, and a step of the others is traced."""
every_task = pytest.mark.parametrize("name", list(OPTIONS))
SMALL = ddgan.Config(
    steps=1, features=8, multipliers=(1,), blocks=1, attention=(), latent=4, latent_layers=1, latent_embedding=8,
    critic_features=4, critic_embedding=8, residual=True, reconstruction=1.0, r1_every=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photographs and a hole for them."""
    folder = tmp_path_factory.mktemp("restore")
    ramp = np.linspace(20, 220, 48)[None, :, None] * np.ones((40, 1, 3))
    for i in range(8):
        noise = np.random.default_rng(i).normal(0, 10, ramp.shape)
        Image.fromarray(np.clip(ramp + noise, 0, 255).astype(np.uint8)).save(folder / f"{i}.png")
    (folder / "masks").mkdir()
    Image.fromarray(np.pad(np.full((6, 9), 255, np.uint8), ((5, 29), (20, 19)))).save(folder / "masks" / "0.png")
    return folder


def experiment(name, folder):
    return Experiment(
        system=SMALL,
        task=tasks.find(name)(**OPTIONS[name]),
        data=Data(name=str(folder), size=16, batch=4, validation=0.25),
        train=Train(steps=2, log_every=1, sample_every=0, devices=1),
    )


@functools.cache
def trained(name, folder):
    """The folder of a run; of most tasks with the weights that training starts from."""
    out, chosen = folder / "runs" / name, experiment(name, folder)
    if name in TRAINED:
        api.train(chosen, out)
    else:
        runs.claim(out, chosen)
        runs.write_state(out, chosen, runs.fresh_state(chosen, systems.build(SMALL, chosen.task, runs.spec_of(chosen))))
    return out


@pytest.mark.parametrize("name", TRAINED)
def test_a_diffusion_gan_trains_on_a_task(name, folder):
    rows = [row for row in read(trained(name, folder) / "log.jsonl") if "event" not in row]
    assert [row["step"] for row in rows] == [1, 2]
    assert all(np.isfinite(value) for row in rows for value in row.values() if isinstance(value, float))


@every_task
def test_a_training_step_of_every_task_can_be_traced(name, folder):
    chosen = experiment(name, folder)
    system = systems.build(SMALL, chosen.task, runs.spec_of(chosen))
    state = runs.state_like(chosen, system, 0)
    batch = {"image": jax.ShapeDtypeStruct((4, 16, 16, 3), np.float32)}
    stage = system.stages[0]
    step = functools.partial(train_step, objective=stage.objective, optimizers=stage.optimizers, ema={"generator": 0.9})
    after, metrics = jax.eval_shape(step, state, batch, jax.random.key(0))
    assert jax.tree.structure(after.params) == jax.tree.structure(state.params)
    assert {"critic/real", "generator/reconstruction"} <= metrics.keys()


@every_task
def test_previews_show_original_damage_first_estimate_and_result(name, folder, tmp_path):
    echo = System(lambda variables, y, keys: y["image"])
    Preview(experiment(name, folder), echo, tmp_path).write(TrainState(*[{}] * 6), 7)
    assert Image.open(tmp_path / "00000007.png").width > 4 * 160


@every_task
def test_a_photograph_of_any_size_is_restored_from_the_command_line(name, folder, tmp_path, capsys):
    photo = folder / "0.png"
    if name == "jpeg":
        photo = tmp_path / "0.jpg"
        Image.open(folder / "0.png").save(photo, quality=25)
    more = {"mixture": ["--hole", str(folder / "masks"), "--level", "noise=20"]}.get(name, [])
    run = ["--run", str(trained(name, folder)), "-o", str(tmp_path / "out")]
    assert main(["restore", name, str(photo), *run, *more]) == 0
    said = capsys.readouterr().out.replace("\n", "")
    if name == "denoise":
        assert "grey levels, estimated" in said
    if name == "jpeg":
        assert "quality 25, read from the file" in said
    factor = 2 if name == "superres" else 1
    assert Image.open(tmp_path / "out" / photo.name).size == (48 * factor, 40 * factor)


def test_a_mixture_with_nothing_but_a_hole_keeps_known_pixels_bit_for_bit(folder, tmp_path):
    options = ["--run", str(trained("mixture", folder)), "-o", str(tmp_path), "--hole", str(folder / "masks" / "0.png")]
    assert main(["restore", "mixture", str(folder / "0.png"), *options]) == 0
    restored, original = (np.asarray(Image.open(path)) for path in (tmp_path / "0.png", folder / "0.png"))
    hole = np.asarray(Image.open(folder / "masks" / "0.png")) > 0
    assert np.array_equal(restored[~hole], original[~hole])
    assert not np.array_equal(restored[hole], original[hole])


def test_an_enlarged_photograph_reduces_to_the_one_that_was_given(folder):
    image = np.asarray(Image.open(folder / "0.png"))
    result = api.restoring("superres", run=trained("superres", folder))(image)(0)
    assert result.shape == (80, 96, 3)
    again = np.asarray(resize.reduce(result.astype(np.float32), 2))
    # Where nothing that a pixel is reduced from was cut off at 0 or 255; away from the border, which was padded.
    cut = np.asarray(resize.reduce(np.float32((result == 0) | (result == 255)), 2)) != 0
    error = np.where(cut, 0, np.abs(again - image))[2:-2, 2:-2]
    assert error.max() < 1
    assert np.mean(cut) < 0.9


@pytest.mark.parametrize(
    ("name", "metrics"),
    [("superres", {"psnr_y_crop2", "psnr_rgb", "ssim_rgb_gauss"}), ("denoise", {"psnr_rgb", "ssim_rgb_gauss"})],
)
def test_an_evaluation_reports_the_figures_of_its_task(name, metrics, folder):
    report = api.evaluate([str(trained(name, folder))], limit=2, batch=2, fill=True)
    assert set(report.metrics) == metrics
    assert all(np.all(np.isfinite(v)) for result in report.results.values() for v in result.figures.values())
    assert report.columns["damaged"].shape == report.columns["original"].shape
    assert not np.array_equal(report.columns["damaged"], report.columns["original"])
    with pytest.raises(ValueError, match="has no holes"):
        api.evaluate([str(trained(name, folder))], hole="box")


@pytest.mark.parametrize("name", ["superres", "denoise", "mixture"])
def test_windows_add_up_to_the_whole(name):
    """A system that returns what it is given does so for a photograph cut into windows."""
    task = tasks.find(name)(**OPTIONS[name])
    scale = getattr(task, "scale", 1)
    image = np.random.default_rng(0).integers(0, 256, (50, 75, 3), dtype=np.uint8)
    shapes = []

    def echo(variables, y, keys):
        shapes.append({key: value.shape for key, value in y.items()})
        return resize.enlarge(y["low"], scale, "box") if "low" in y else y["image"]

    told = {"levels": {"noise": 20.0}} if name == "mixture" else {}
    runner = restore.Runner(System(echo, multiple=2), task, {}, tile=64, overlap=16)
    photograph = restore.photograph(runner, image, **told)
    np.testing.assert_array_equal(photograph(0), image.repeat(scale, 0).repeat(scale, 1))
    assert shapes[0]["image"][1:3] == (64, 64)
    if scale > 1:
        assert shapes[0]["low"][1:3] == (64 // scale, 64 // scale)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("denoise", "0.png", "--sigma", "80"), "sigma must be between 5 and 50, as in training, got 80"),
        (("denoise", "0.png", "--hole", "masks"), "takes no hole; it takes: sigma"),
        (("superres", "0.png", "--sigma", "8"), "takes no sigma"),
        (("jpeg", "0.png"), "--quality"),
        (("jpeg", "0.png", "--quality", "90"), "quality must be between 10 and 40"),
        (("mixture", "0.png", "--level", "noise"), "--level takes KIND=VALUE"),
        (("mixture", "0.png", "--level", "haze=1"), "it takes: hole, noise"),
        (("mixture", "0.png"), "nothing is said to be wrong"),
        (("denoise", "0.png", "--tile", "8"), "--tile must be at least 32"),
        (("generate", "0.png"), "does not restore photographs"),
        (("inpaint", "0.png"), "needs a hole"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_command_is_one_sentence(arguments, said, folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    run = trained(arguments[0], folder) if arguments[0] in OPTIONS else "none"
    capsys.readouterr()
    assert main(["restore", *arguments, "--run", str(run), "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in " ".join(error.split())
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_a_run_restores_only_what_it_was_trained_for(folder):
    with pytest.raises(ValueError, match="was trained for the task 'denoise', not 'jpeg'"):
        api.restoring("jpeg", run=trained("denoise", folder))


def test_a_photograph_is_restored_with_the_kernel_that_is_known():
    task = tasks.find("deblur")(known=True, kind="motion", size=7, length=(3, 7))
    echo = System(lambda variables, y, keys: y["start"])
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    kernel = np.zeros((7, 7), np.float32)
    kernel[3, 3] = 1  # no blur at all
    runner = restore.Runner(echo, task, {})
    np.testing.assert_array_equal(restore.photograph(runner, image, kernel=kernel)(0), image)
    with pytest.raises(ValueError, match="--kernel FILE"):
        restore.photograph(runner, image)
