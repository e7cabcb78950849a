"""Evaluation: intervals, whole images, contact sheets, and what the files say."""

import csv
import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

from dgan_jax import api
from dgan_jax.cli.main import main
from dgan_jax.compare.entrants import Entrant, parameters, training_of
from dgan_jax.compare.reported import on_common_images, reported
from dgan_jax.compare.trial import Trial, check_metrics, with_options
from dgan_jax.core.experiment import Data, Experiment
from dgan_jax.core.parts import OwnFigure, System
from dgan_jax.evaluate import Inputs, Result, evaluate
from dgan_jax.evaluate.running import Cost
from dgan_jax.metrics import intervals, psnr
from dgan_jax.metrics.sets import SETS
from dgan_jax.metrics.table import named
from dgan_jax.ops import resize
from dgan_jax.report import Report
from dgan_jax.restore import Runner, photograph
from dgan_jax.systems.classical import wiener
from dgan_jax.tasks.denoise import Denoise
from dgan_jax.tasks.generate import Generate
from dgan_jax.tasks.inpaint import Inpaint
from dgan_jax.tasks.superres import SuperResolution
from dgan_jax.train.configs import to_dict

ECHO = System(lambda variables, y, keys: y["image"])
SIZES = ((40, 58), (67, 52), (90, 71))
"""Heights and widths that are multiples of nothing."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Smooth pictures of several sizes, with some noise."""
    folder = tmp_path_factory.mktemp("photos")
    for i, (height, width) in enumerate(SIZES):
        ramp = np.linspace(20, 220, width)[None, :, None] * np.linspace(0.4, 1, height)[:, None, None] * np.ones(3)
        noise = np.random.default_rng(i).normal(0, 4 + 8 * i, ramp.shape)
        Image.fromarray(np.clip(ramp + noise, 0, 255).astype(np.uint8)).save(folder / f"photo{i}.png")
    return folder


def equal_images(count=4, side=16):
    """batches(size) -> a callable that gives these images in batches of that size."""
    images = np.random.default_rng(1).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    parts = lambda size: [np.arange(i, min(i + size, count)) for i in range(0, count, size)]
    return lambda size: lambda: [(index, {"image": images[index]}) for index in parts(size)]


# Intervals


def test_the_interval_of_a_mean_is_that_of_a_known_distribution():
    values = np.random.default_rng(0).normal(30.0, 2.0, 400)
    found = intervals.mean(values)
    half = 1.96 * values.std() / np.sqrt(400)
    np.testing.assert_allclose((found.low, found.high), (values.mean() - half, values.mean() + half), atol=0.1 * half)
    assert found == intervals.mean(values), "a rerun prints the same digits"


def test_about_nineteen_of_twenty_intervals_hold_the_true_mean():
    generator = np.random.default_rng(3)
    found = [intervals.mean(generator.exponential(1.0, 80), seed=i, repeats=300) for i in range(400)]
    assert 0.9 < np.mean([one.low <= 1.0 <= one.high for one in found]) < 0.97


def test_one_image_has_no_interval_and_identical_images_are_infinite():
    assert intervals.mean(np.array([3.0])) == (3.0, None, None)
    assert intervals.mean(np.full(5, np.inf)) == (np.inf, np.inf, np.inf)


def test_systems_are_alike_if_their_difference_image_by_image_is_noise():
    generator = np.random.default_rng(0)
    images, small = generator.normal(25, 6, 100), generator.normal(0, 0.1, 100)
    small -= small.mean()
    assert intervals.alike(images, images)
    assert intervals.alike(images, images + small + 0.01)
    # Though both intervals of the means are 2.4 dB wide.
    assert not intervals.alike(images, images + small + 0.05)
    assert intervals.alike(np.array([np.inf, 3, 4]), np.array([np.inf, 3, 4]))


def test_what_is_infinite_or_not_a_number_is_left_out_of_means():
    values = np.array([30.0, np.inf, 20.0, 25.0, np.nan])
    assert intervals.mean(values) == intervals.mean(values[[0, 2, 3]])
    assert intervals.mean(np.array([np.inf, 3.0])) == (3.0, None, None)
    assert np.isnan(intervals.mean(np.full(3, np.nan)).value)
    better = np.random.default_rng(0).normal(30, 1, 40)
    exact = better - 1
    exact[3] = np.inf
    assert not intervals.alike(better, exact), "one exact image would hide a difference on all others"
    assert not intervals.alike(np.full(5, np.inf), np.full(5, 60.0))


def test_systems_are_averaged_over_the_same_images():
    """`exact` restores an image exactly that is easy for the other one too, and easy images raise a mean."""
    rows = {"exact": np.array([20.0, 22.0, np.inf]), "other": np.array([19.0, 21.0, 60.0])}
    cost = Cost(0.0, 0.0, 0.0, 0.0, 1)
    results = {
        name: Result(np.arange(3), {"psnr_rgb": row}, {"psnr_rgb": intervals.mean(row)}, cost, [], None)
        for name, row in rows.items()
    }
    found = on_common_images(results)
    assert {name: result.means()["psnr_rgb"] for name, result in found.items()} == {"exact": 21.0, "other": 20.0}
    report = Report("", found, named(["psnr_rgb"]), {}, {})
    assert report.standings()["psnr_rgb"]["exact"] == "best"
    assert report.notes() == ["psnr_rgb is averaged over 2 of 3 images; restored exactly: 1 by exact."]
    assert report.summary()["systems"]["exact"]["psnr_rgb"]["exact"] == 1
    assert report.sentences("exact", ["other"])[0].startswith("psnr_rgb: exact wins against other by 1;")


def test_a_set_is_resampled_image_by_image():
    x = np.random.default_rng(0).normal(0, 1, (200, 3))
    shift = lambda restored, originals: float(np.mean(restored["a"]) - np.mean(originals["a"]))
    found = intervals.of_set(shift, {"a": x + 1}, {"a": x}, 200)
    np.testing.assert_allclose(found, (1, 1, 1), atol=1e-12, err_msg="an image and its original are drawn together")
    wide = intervals.of_set(shift, {"a": x[::-1] + 1}, {"a": x}, 200)
    assert wide.low < wide.value - 0.05 < wide.value + 0.05 < wide.high


# Metrics by name


@pytest.mark.parametrize(("name", "near"), [("swd_rbg", "swd_rgb"), ("lpips_alx", "lpips_alex"), ("fld", "fid")])
def test_metrics_of_sets_and_of_networks_are_known_by_name(name, near):
    with pytest.raises(ValueError, match=f"did you mean '{near}'"):
        named(["psnr_rgb", name])
    assert list(named(["swd_rgb", "psnr_rgb"])) == ["swd_rgb", "psnr_rgb"]
    assert named(["swd_rgb"])["swd_rgb"] is SETS["swd_rgb"]


def test_weights_that_are_missing_are_named(tmp_path):
    with pytest.raises(ValueError, match=str(tmp_path)):
        named(["fid"], tmp_path)


# Sizes and batches


def test_whole_images_are_measured_on_their_true_area(photos):
    trial = Trial(task=SuperResolution(scale=4), data=Data(name=str(photos), validation=0), crop="none")
    found = evaluate(ECHO, {}, Inputs(trial.task, trial.batches), metrics=check_metrics(trial))
    assert list(found.figures) == ["psnr_y_crop4", "psnr_rgb", "ssim_rgb_gauss"]
    for i, (height, width) in enumerate(SIZES):
        original = np.asarray(Image.open(photos / f"photo{i}.png"), np.float32)[: height // 4 * 4, : width // 4 * 4]
        low = np.clip(np.round(resize.reduce(original, 4)), 0, 255)
        high = np.clip(np.round(resize.enlarge(low, 4)), 0, 255)
        expected = psnr.psnr_y(high[None] / 255, original[None] / 255, crop=4)[0]
        np.testing.assert_allclose(found.figures["psnr_y_crop4"][i], expected, atol=2e-3)
    assert found.cost.compile_seconds > 0


@pytest.mark.parametrize("task", [SuperResolution(scale=4), Inpaint(hole="box", fill="none")])
def test_what_a_network_needs_as_padding_and_windows_does_not_show(task, photos):
    seen = []

    def echo(variables, y, keys):
        seen.append(y["image"].shape[1:3])
        return resize.enlarge(y["low"], 4, "box") if "low" in y else y["image"]

    trial = Trial(task=task, data=Data(name=str(photos), validation=0), crop="none")
    given = [part.given for part in Inputs(task, trial.batches)]
    key = jax.random.split(jax.random.key(0), 1)
    alone = [Runner(System(echo, host=True), task, {})(one, key) for one in given]
    for tile in (None, 64):
        seen.clear()
        runner = Runner(System(echo, multiple=8), task, {}, tile=tile)
        for one, plain in zip(given, alone, strict=True):
            np.testing.assert_array_equal(runner(one, key), plain)
        assert {side % 32 for shape in seen for side in shape} == {0}
        assert (max(max(shape) for shape in seen) > 64) == (tile is None)


def test_figures_are_of_what_a_user_gets(photos):
    """Padding comes before measuring, whoever asks: a first estimate at the border depends on it."""
    task = Inpaint(hole="box", fill="pull_push")
    trial = Trial(task=task, data=Data(name=str(photos), validation=0), crop="none", limit=1)
    first = System(lambda variables, y, keys: y["fill"], multiple=8)
    part = next(iter(Inputs(task, trial.batches)))
    measured = evaluate(first, {}, Inputs(task, trial.batches), keep=1).images[0]
    hole = np.asarray(part.given["hole"][0])
    restored = photograph(Runner(first, task, {}), np.asarray(part.image[0]), hole=hole)(0)
    np.testing.assert_array_equal(measured, restored)


def test_the_size_of_batches_changes_no_figure_and_a_short_batch_needs_no_program():
    batches = equal_images(count=5)
    blur = System(
        lambda variables, y, keys: y["image"] * 0.9 + 0.01 * jax.vmap(jax.random.normal)(keys)[:, None, None, None]
    )
    task = SuperResolution(scale=2)
    results = [evaluate(blur, {}, Inputs(task, batches(size))) for size in (2, 5)]
    for name in results[0].figures:
        np.testing.assert_allclose(results[0].figures[name], results[1].figures[name], rtol=1e-5)
    runner = Runner(blur, task, {})
    for part in Inputs(task, batches(2)):
        assert len(runner(part.given, jax.random.split(jax.random.key(0), len(part.numbers)))) == len(part.numbers)
    assert len(runner.programs) == 1


def test_diversity_is_the_difference_of_samples_and_nothing_for_a_system_that_draws_none():
    def restore(variables, y, keys):
        return 0.5 * y["image"] + 0.25 * jax.vmap(lambda key: jax.random.rademacher(key, ()))(keys)[:, None, None, None]

    inputs, chosen = Inputs(SuperResolution(scale=2), equal_images(count=64)(32)), named(["diversity", "psnr_rgb"])
    found = evaluate(System(restore, draws=True), {}, inputs, metrics=chosen, contact=True)
    # Two of five signs differ in 0, 4 or 6 of ten pairs; a pair that does differs by a quarter of the range.
    assert set(np.round(found.figures["diversity"])) == {0.0, 10.0, 15.0}
    np.testing.assert_allclose(found.summary["diversity"].value, 12.5, atol=1.5)
    assert [extreme.rank for extreme in found.extremes] == ["best", "median", "worst"]
    still = evaluate(System(restore), {}, inputs, metrics=chosen)
    assert still.summary["diversity"].value == 0
    assert still.summary["psnr_rgb"] == found.summary["psnr_rgb"]


def test_a_figure_of_a_system_s_own_is_a_column_that_others_leave_empty():
    brightness = lambda variables, images, y, keys: images.mean(axis=(1, 2, 3)) + variables["shift"]
    own = OwnFigure(brightness, "", False, "mean of the original")
    able = dataclasses.replace(ECHO, figures={"brightness": own})
    trial = Trial(task=Denoise(sigma=(25.0, 25.0)), data=Data(size=16), metrics=("psnr_rgb",), crop="tiles")
    metrics = check_metrics(trial, None)
    inputs = Inputs(trial.task, equal_images()(4))
    entrants = [Entrant("without", "made up", ECHO, {}, {}), Entrant("able", "made up", able, {"shift": 2.0}, {})]
    results = {one.name: evaluate(one.system, one.variables, inputs, metrics=metrics) for one in entrants}
    images = next(iter(inputs)).image / 127.5 - 1
    np.testing.assert_allclose(results["able"].figures["brightness"], images.mean((1, 2, 3)) + 2, atol=1e-5)
    report = reported(trial, entrants, results, metrics, inputs, keep=1)
    assert list(report.metrics) == ["psnr_rgb", "brightness"]
    without, with_it = report.table()
    assert without[2].strip() == "–"
    assert float(with_it[2].split()[0]) == pytest.approx(2, abs=0.1)
    assert report.images_csv().splitlines()[1].endswith(","), "no number for the system without the figure"
    told = report.summary()["systems"]
    assert told["able"]["brightness"]["mean"] == pytest.approx(images.mean() + 2, abs=1e-4)


def test_features_of_the_originals_are_computed_for_the_first_system_only():
    inputs, originals = Inputs(SuperResolution(scale=2), equal_images(side=32)(2)), []
    chosen = named(["swd_rgb", "psnr_rgb"])
    first = evaluate(ECHO, {}, inputs, metrics=chosen, originals=originals)
    kept = list(originals)
    assert len(kept) == 2
    assert evaluate(ECHO, {}, inputs, metrics=chosen, originals=originals).summary == first.summary
    assert all(one is other for one, other in zip(kept, originals, strict=True))
    assert evaluate(ECHO, {}, inputs, metrics=chosen).summary == first.summary
    assert list(first.summary) == ["swd_rgb", "psnr_rgb"]
    assert first.summary["swd_rgb"].value > 0
    assert first.summary["swd_rgb"].low is None, "images drawn twice would bias it"


# Files


def test_the_contact_sheet_shows_the_best_the_median_and_the_worst(photos):
    report = api.evaluate(["upscale_bicubic", "upscale_nearest"], data=str(photos), task="superres", crop="none")
    for result in report.results.values():
        figures = result.figures["psnr_y_crop4"]
        ranks = {extreme.rank: extreme for extreme in result.extremes}
        chosen = [figures[ranks[rank].position] for rank in ("best", "median", "worst")]
        assert chosen == sorted(figures, reverse=True)
        for extreme in result.extremes:
            pair = [extreme.images[name][None] / np.float32(255) for name in ("restored", "original")]
            np.testing.assert_allclose(psnr.psnr_y(*pair, crop=4)[0], figures[extreme.position], rtol=1e-5)
    sheet = report.contact("upscale_bicubic")
    assert sheet.shape[0] > 3 * 90


def no_constant(name):
    raise AssertionError(f"{name} is no JSON")


def test_one_flat_picture_does_not_make_every_figure_infinite(photos, tmp_path, capsys):
    photos = shutil.copytree(photos, tmp_path / "photos")
    Image.new("RGB", (40, 40)).save(photos / "zz.png")
    command = ["evaluate", "telea", "nearest", "--size", "32", "--hole", "box", "--set", "fill=none"]
    command += ["--metrics", "psnr_hole", "psnr_rgb"]
    assert main([*command, "--data", str(photos), "-o", str(tmp_path / "out_mixed")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "psnr_hole is averaged over 3 of 4 images; restored exactly: 1 by each." in said
    (photos / "zz.png").unlink()
    assert main([*command, "--data", str(photos), "-o", str(tmp_path / "out_photos")]) == 0
    capsys.readouterr()
    mixed, alone = (
        json.loads((tmp_path / f"out_{name}" / "metrics.json").read_text(), parse_constant=no_constant)["systems"]
        for name in ("mixed", "photos")
    )
    for system in ("telea", "nearest"):
        assert mixed[system]["psnr_hole"].pop("exact") == 1
        assert mixed[system]["psnr_hole"].pop("averaged") == 3
        assert mixed[system]["psnr_hole"] == alone[system]["psnr_hole"]
    for photo in photos.iterdir():
        photo.unlink()
    Image.new("RGB", (40, 40)).save(photos / "zz.png")
    assert main([*command, "--data", str(photos)]) == 0
    assert "inf" in capsys.readouterr().out, "where all are exact, it is said so"


def test_files_tell_figures_intervals_protocol_and_cost(photos, tmp_path, capsys):
    out = tmp_path / "report"
    command = ["evaluate", "telea@radius=5", "nearest", "--data", str(photos), "--size", "32", "--hole", "box"]
    assert main([*command, "--set", "fill=none", "--metrics", "psnr_hole", "swd_rgb", "-o", str(out)]) == 0
    assert "within noise" in capsys.readouterr().out
    told = json.loads((out / "metrics.json").read_text(), parse_constant=no_constant)
    protocol, system = told["protocol"], told["systems"]["telea@radius=5"]
    assert protocol["task"] == {"name": "inpaint", "hole": "box", "fill": "none"}
    assert {"seed", "versions", "device", "cores", "crop", "split", "intervals"} <= protocol.keys()
    assert "missing pixels" in protocol["metrics"]["psnr_hole"]
    assert system["psnr_hole"]["low"] < system["psnr_hole"]["mean"] < system["psnr_hole"]["high"]
    assert system["swd_rgb"] == {"value": system["swd_rgb"]["value"], "low": None, "high": None}
    assert system["seconds_per_image"] > 0
    assert system["bytes_per_image"] > 32 * 32 * 3
    assert system["family"] == "classical"
    rows = list(csv.DictReader((out / "images.csv").open()))
    assert [row["name"] for row in rows] == ["photo0.png", "photo1.png", "photo2.png"] * 2
    mean = np.mean([float(row["psnr_hole"]) for row in rows[:3]])
    np.testing.assert_allclose(mean, system["psnr_hole"]["mean"], rtol=1e-4)
    for name in ("picture.png", "contact.png"):
        assert min(Image.open(out / name).size) > 64


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("upscale_bicubic", "--task", "superres", "--set", "scael=4"), "did you mean 'scale'?"),
        (("upscale_bicubic", "--task", "superres", "--set", "scale=5"), "task.scale must be one of 2, 3, 4, 8"),
        (("upscale_bicubic", "--task", "superres", "--set", "scale"), "--set takes NAME=VALUE"),
        (("upscale_bicubic", "--task", "superres", "--set", "scale=four"), "task.scale is 'four'"),
        (("upscale_bicubic", "--task", "superres", "--size", "30"), "multiple of it, got size 30"),
        (("telea", "--samples", "0"), "--samples must be at least 1"),
        (("nearest", "--metrics", "fid", "--weights", "nowhere"), "nowhere"),
        (("telea@radois=3",), "did you mean 'radius'?"),
        (("nearest", "--set", "hole=brsh"), "did you mean 'brush'?"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_option_is_one_sentence(arguments, said, capsys):
    assert main(["evaluate", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_options_of_a_task_are_read_by_their_kind():
    assert with_options(Denoise(), ["sigma=25"]).sigma == (25, 25)
    assert with_options(Denoise(), ["sigma=5,50.5", "blind=True"]) == Denoise(sigma=(5, 50.5), blind=True)
    assert with_options(Inpaint(), ["hole=thick"]).hole == "thick"


def test_generation_is_judged_by_whole_sets_alone():
    assert list(check_metrics(Trial(task=Generate()))) == ["swd_rgb"]
    with pytest.raises(ValueError, match=r"no original to compare with, as psnr_rgb would.*swd_rgb"):
        check_metrics(Trial(task=Generate(), metrics=("swd_rgb", "psnr_rgb")))


# What is known of a run


def test_parameters_are_those_that_restoring_reads():
    weights = lambda size: {"kernel": np.zeros((size, 2), np.float32)}
    variables = {"params": {"generator": weights(3), "critic": weights(50)}, "model_state": {}}
    restore = lambda v, y, keys: y["image"] * v["params"]["generator"]["kernel"].sum()
    y = {"image": jax.ShapeDtypeStruct((1, 4, 4, 3), np.float32)}
    assert parameters(System(restore), variables, y) == 6


def test_the_cost_of_a_training_is_read_from_its_log(tmp_path):
    rows = [
        {"step": 10, "steps_per_second": 2.0},
        {"step": 10, "diversity": 0.1},
        {"step": 30, "steps_per_second": 5.0},
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    experiment = Experiment(system=wiener.Config(), task=Denoise(), data=Data(batch=4))
    (tmp_path / "config.json").write_text(json.dumps(to_dict(experiment)))
    assert training_of(tmp_path) == {"steps": 30, "seconds": 10 / 2 + 20 / 5, "images": 120, "hardware": None}
    (tmp_path / "log.jsonl").unlink()
    assert training_of(tmp_path)["seconds"] is None
