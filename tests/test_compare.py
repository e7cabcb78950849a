"""A comparison from its config to its report; killed, resumed, and with a system more."""

import contextlib
import csv
import dataclasses
import json
import re
import types

import numpy as np
import pytest

from dgan_jax.cli.main import main
from dgan_jax.compare import beside, config, plots, tables
from dgan_jax.compare.config import Compare, Entry, refusal
from dgan_jax.compare.running import Screen, in_order, run
from dgan_jax.compare.trial import Trial
from dgan_jax.compare.written import write
from dgan_jax.core.experiment import Data
from dgan_jax.metrics.table import named
from dgan_jax.report import Report
from dgan_jax.tasks.denoise import Denoise
from dgan_jax.tasks.generate import Generate
from dgan_jax.tasks.inpaint import Inpaint

CONFIG = """
from dgan_jax.compare.config import Compare, Entry
from dgan_jax.compare.trial import Trial
from dgan_jax.core.experiment import Data
from dgan_jax.tasks.inpaint import Inpaint

def get_compare():
    trial = Trial(name="boxes", task=Inpaint(hole="box", fill="none"), data=Data(size=64, batch=4), split="validation",
                  crop="tiles", limit=4, metrics=("psnr_hole", "l1_rgb"))
    return Compare(title="A <small> one", trials=(trial,), shown=2,
                   entries=(Entry(name="first_fill", system="nearest"), Entry(name="Telea", system="telea")))
"""
TINY = """
from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import ddgan
from dgan_jax.tasks.inpaint import Inpaint

def get_config():
    return Experiment(
        system=ddgan.Config(steps=1, features=8, multipliers=(1,), blocks=1, attention=(), latent=4, latent_layers=1,
                            latent_embedding=8, critic_features=4, critic_embedding=8, residual=True),
        task=Inpaint(hole="box", fill="none"), data=Data(size=16, batch=4),
        train=Train(steps=100000, log_every=1, sample_every=0, checkpoint_every=100000, devices=1),
    )
"""


def contents(folder):
    """Name -> what is in the file and when it was written."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def figures(out):
    return [
        {k: v for k, v in row.items() if k != "ms_per_image"} for row in csv.DictReader((out / "report.csv").open())
    ]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """The folder of a finished comparison, and its config."""
    folder = tmp_path_factory.mktemp("compare")
    path = folder / "photos.py"
    path.write_text(CONFIG)
    assert main(["compare", str(path), "-o", str(folder / "out")]) == 0
    return folder / "out", path


def test_the_report_has_every_row_in_every_form(compared):
    out, _ = compared
    rows = figures(out)
    assert [(row["system"], row["metric"]) for row in rows] == [
        (system, metric) for system in ("first_fill", "Telea") for metric in ("psnr_hole", "l1_rgb")
    ]
    for row in rows:
        assert float(row["low"]) < float(row["value"]) < float(row["high"])
    assert {row["standing"] for row in rows} >= {"best"}
    page, text, latex = ((out / f"report.{kind}").read_text() for kind in ("html", "md", "tex"))
    assert "A &lt;small&gt; one" in page
    body = re.search(r"<tbody>(.*?)</tbody>", page, re.S)[1]
    assert re.findall(r'<tr><td class="text" data-value="(.*?)">', body) == ["first_fill", "Telea"]
    shown = json.loads(re.search(r'<script type="application/json".*?>(.*?)</script>', page, re.S)[1])
    assert [list(one["versions"]) for one in shown] == [["original", "damaged", "first_fill", "Telea"]] * 2
    assert all(uri.startswith("data:image/webp;base64,") for one in shown for uri in one["versions"].values())
    assert not re.search(r"(src|href)=.?http", page), "the page needs no network"
    assert page.count("<img src") == 4, "two metrics, each over cost and image by image"
    assert "| first_fill | classical | 0 | 0 |" in text
    assert r"first\_fill & classical & 0 & 0" in latex
    assert r"\textbf" in latex
    assert len(list(csv.DictReader((out / "images-boxes.csv").open()))) == 2 * 4
    assert len(list((out / "plots").iterdir())) == 4


def test_a_rerun_computes_what_is_missing_and_nothing_else(compared, capsys):
    out, path = compared
    before, inputs, expected = contents(out / "results"), contents(out / "inputs"), figures(out)
    lost = next(file for file in (out / "results").iterdir() if "telea" in file.name)
    lost.unlink()
    assert main(["compare", str(path), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "kept     first_fill" in said
    assert "measured Telea" in said
    after = contents(out / "results")
    assert after.keys() == before.keys()
    assert after[lost.name][1] > before[lost.name][1]
    assert {name for name in before if after[name] == before[name]} == before.keys() - {lost.name}
    assert contents(out / "inputs") == inputs
    changing = ("peak_mib",)
    same = lambda rows: [{name: value for name, value in row.items() if name not in changing} for row in rows]
    assert same(figures(out)) == same(expected)


def test_another_system_leaves_the_files_of_the_others_alone(compared, capsys):
    out, path = compared
    before, inputs = contents(out / "results"), contents(out / "inputs")
    assert main(["compare", str(path), "-o", str(out), "--add", "wide=telea@radius=7"]) == 0
    assert "measured wide" in capsys.readouterr().out
    after = contents(out / "results")
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1
    assert contents(out / "inputs") == inputs
    values = {row["system"]: row["value"] for row in figures(out) if row["metric"] == "psnr_hole"}
    assert len(set(values.values())) == 3, "the radius is used"


def test_what_was_measured_before_a_kill_is_kept(compared, tmp_path):
    compare = config.load(str(compared[1]))

    class Killed(BaseException):
        pass

    @contextlib.contextmanager
    def dies_at_telea(what, total):
        if "Telea" in what:
            raise Killed
        yield lambda done: None

    said = []
    with pytest.raises(Killed):
        run(compare, tmp_path, screen=Screen(say=said.append, counting=dies_at_telea))
    assert [line.split(":")[0] for line in said] == ["measured first_fill"]
    # As a kill in the middle of writing would not leave it, but a bad disk.
    damaged = next((tmp_path / "inputs").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-100])
    outcomes = run(compare, tmp_path, screen=Screen(say=said.append))
    assert [line.split(":")[0] for line in said[1:]] == ["kept     first_fill", "measured Telea"]
    assert list(outcomes[0].report.results) == ["first_fill", "Telea"]


def test_a_system_is_trained_for_its_seconds_and_compared(compared, tmp_path):
    (tmp_path / "tiny.py").write_text(TINY)
    out = tmp_path / "out"
    entry = Entry(name="ours", config=str(tmp_path / "tiny.py"), seconds=0.2, overrides={"data.batch": 2}, samples=2)
    trial = Trial(name="boxes", task=Inpaint(hole="box", fill="none"), data=Data(size=16, batch=4), split="validation",
                  limit=3, metrics=("psnr_hole",))  # fmt: skip
    again = dataclasses.replace(entry, name="again", folder="ours", samples=1)
    compare = Compare(entries=(Entry(name="nearest", system="nearest"), entry, again), trials=(trial,), shown=1)
    outcome = run(compare, out)[0]
    told = outcome.report.about["ours"]
    assert list(outcome.report.results) == ["nearest", "ours", "ours, seed 2", "again"]
    assert [folder.name for folder in (out / "runs").iterdir()] == ["ours"], "trained once for both"
    assert outcome.report.results["again"].means() == outcome.report.results["ours"].means()
    assert told["network_calls"] == 1
    assert 1 <= told["training"]["steps"] < 10_000
    assert told["training"]["images"] == 2 * told["training"]["steps"]
    assert 0.02 < told["training"]["seconds"] < 20, "the budget, but for what else the machine does"
    assert told["training"]["hardware"]["cores"] >= 1
    assert outcome.report.results["ours"].cost.flops > 1e5
    counted = sum(one.size for one in _weights(out / "runs" / "ours"))
    assert 0 < told["parameters"] < counted, "the critic does not count"
    cells = tables.rows(outcome)[1].costs
    assert re.fullmatch(r"\d+ steps, .* s, .*", cells[-1].text)
    log = (out / "runs" / "ours" / "log.jsonl").read_bytes()
    planned = json.loads((out / "runs" / "ours" / "config.json").read_text())["train"]["steps"]
    assert planned == told["training"]["steps"]
    said = []
    run(compare, out, screen=Screen(say=said.append))
    assert [line.partition(" ")[0] for line in said] == ["kept"] * 4
    assert (out / "runs" / "ours" / "log.jsonl").read_bytes() == log
    assert write("Trained", [outcome], out)


def _weights(folder):
    import jax

    from dgan_jax.train.runs import load

    return jax.tree.leaves(load(folder)[2]["params"])


def test_who_takes_no_part_is_told_and_who_never_does_is_refused(tmp_path):
    data = Data(size=32, batch=2)
    shared = {"data": data, "split": "validation", "limit": 2}
    trials = (Trial(name="noise", task=Denoise(), **shared), Trial(name="holes", task=Inpaint(fill="none"), **shared))
    entries = (Entry(name="telea", system="telea"), Entry(name="bilateral", system="bilateral"))
    outcomes = run(Compare(entries=entries, trials=trials, metrics=("psnr_rgb",), shown=1), tmp_path)
    assert outcomes[0].absent == {"telea": "it does inpaint"}
    assert outcomes[1].absent["bilateral"].startswith("it does denoise")
    assert [list(outcome.report.results) for outcome in outcomes] == [["bilateral"], ["telea"]]
    write("Two", outcomes, tmp_path)
    assert "Took no part: telea (it does inpaint)." in (tmp_path / "report.md").read_text()
    held = run(Compare(entries=entries[:1], trials=trials, metrics=("psnr_rgb",), shown=1), tmp_path)
    assert [outcome.trial.title for outcome in held] == ["holes"], "a trial without entries is not held"
    with pytest.raises(ValueError, match="'telea' takes part in no trial: it does inpaint"):
        run(Compare(entries=entries[:1], trials=trials[:1]), tmp_path)


@pytest.mark.parametrize(("setting", "compares"), [("x4, bicubic", True), ("x2, bicubic", False)])
def test_published_figures_stand_beside_measured_ones_of_the_same_protocol_only(setting, compares):
    result = types.SimpleNamespace(index=np.arange(5))
    report = types.SimpleNamespace(metrics=named(["psnr_y_crop4"]), results={"mine": result})
    trial = types.SimpleNamespace(published=("set5", setting), kind="superres")
    same, other = beside.pairs(types.SimpleNamespace(trial=trial, report=report))
    assert all(row[2] == "psnr_y_crop4" for row in same)
    assert ("RRDB" in {row[0] for row in same}) == compares
    assert any("psnr_rgb_crop4, not psnr_y_crop4" in row[-1] for row in other)
    assert compares or all("x4, bicubic, not x2, bicubic" in row[-1] for row in other)


def test_rows_of_one_training_lie_on_one_line_over_their_calls():
    row = lambda calls, **identity: {"network_calls": calls, "identity": identity}
    about = {
        "ddpm, ddim 4": row(4, weights="a", solver={"name": "ddim", "steps": 4}),
        "ddpm, ddim 10": row(10, weights="a", solver={"name": "ddim", "steps": 10}),
        "ddpm, dpm_solver 10": row(10, weights="a", solver={"name": "dpm_solver", "steps": 10}),
        "ddpm, 1000": row(1000, weights="a"),
        "gan": row(1, weights="b"),
        "telea": row(0, system="telea"),
    }
    outcome = types.SimpleNamespace(report=types.SimpleNamespace(about=about))
    assert plots.walks(outcome) == {
        "ddpm, ddim": ["ddpm, ddim 4", "ddpm, ddim 10"],
        "ddpm, dpm_solver 10": ["ddpm, dpm_solver 10"],
        "ddpm, 1000": ["ddpm, 1000"],
        "gan": ["gan"],
    }


def test_a_system_of_classes_is_refused_where_images_have_none():
    data = Data(name="tfds:cifar10", size=16, batch=2, crop="none")
    trial = Trial(name="generate", task=Generate(), data=data)
    entry = Entry(name="by class", config="cgan_cifar10_small")
    assert "Generate(classes=10), which measures something else than Generate(classes=0)" in refusal(entry, trial)
    by_class = Trial(name="c", task=Generate(classes=10), data=dataclasses.replace(data, size=32, classes=10))
    assert not refusal(entry, by_class)


def test_rows_within_noise_of_the_best_are_marked():
    near = np.random.default_rng(0).normal(25, 3, 50)
    best = near + 0.01 * (-1.0) ** np.arange(50) + 1e-4
    result = lambda values: types.SimpleNamespace(
        figures={"psnr_rgb": values}, summary={"psnr_rgb": types.SimpleNamespace(value=values.mean())}
    )
    results = {"best": result(best), "near": result(near), "far": result(near - 0.1)}
    report = Report("", results, named(["psnr_rgb"]), {}, {})
    assert report.standings() == {"psnr_rgb": {"best": "best", "near": "near", "far": ""}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "a/b", "system": "telea"}, "made of letters, digits and spaces"),
        ({"name": "a", "system": "teela"}, "did you mean 'telea'"),
        ({"name": "a"}, "needs one of system, run and config, got none"),
        (
            {"name": "a", "system": "telea", "steps": 3, "after": "b"},
            "steps, after is for a config that is trained here",
        ),
        ({"name": "a", "config": "b", "seconds": -1}, "seconds must be at least 0"),
    ],
)
def test_a_wrong_entry_says_what_is_wanted(change, said):
    with pytest.raises(ValueError, match=said):
        Entry(**change)


def test_an_override_of_a_config_is_checked(tmp_path):
    (tmp_path / "tiny.py").write_text(TINY)
    entry = lambda **overrides: Entry(name="a", config=str(tmp_path / "tiny.py"), steps=7, overrides=overrides)
    assert entry(**{"system.features": 16}).experiment().system.features == 16
    assert entry().experiment().train.steps == 7
    other = dataclasses.replace(entry(), task=Denoise(sigma=(5.0, 50.0)), steps=0)
    assert other.experiment().task == Denoise(sigma=(5.0, 50.0))
    with pytest.raises(ValueError, match=r"did you mean 'system\.features'"):
        entry(**{"systm.features": 16}).experiment()
    with pytest.raises(ValueError, match="did you mean 'features'"):
        entry(**{"system.featurs": 16}).experiment()


def test_an_entry_begins_with_what_is_trained_before_it(tmp_path):
    first, second = Entry(name="a", config="dgan_photos"), Entry(name="b", config="dgan_photos", after="a")
    in_order((first, second), tmp_path)
    for wrong in ((second,), (second, first)):
        with pytest.raises(ValueError, match="entry 'b' begins with 'a', which is not trained before it; name both"):
            in_order(wrong, tmp_path)
    (tmp_path / "runs" / "a").mkdir(parents=True)
    in_order((second,), tmp_path)


def test_what_is_trained_here_can_be_given_other_images_and_another_budget():
    entries = (
        Entry(name="a", config="dgan_photos", seconds=9.0, overrides={"data.size": 64}),
        Entry(name="b", config="dgan_photos", steps=5),
        Entry(name="c", system="telea"),
    )
    trial = Trial(name="boxes", task=Inpaint(hole="box", fill="none"))
    whole = Compare(entries=entries, trials=(trial,))
    assert config.some(whole, ("c", "a")).entries == (entries[2], entries[0])
    a, b, c = config.changed(config.some(whole, ()), train_data="photos", seconds=3.0).entries
    assert [(one.seconds, one.steps) for one in (a, b, c)] == [(3.0, 0), (0.0, 5), (0.0, 0)]
    assert [one.experiment().data.name for one in (a, b)] == ["photos"] * 2
    assert (a.experiment().data.size, c) == (64, entries[2])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("inpaint_phots",), "did you mean 'inpaint_photos'"),
        (("inpaint_photos", "--add", "mine"), "--add takes NAME=RUN"),
        (("inpaint_photos", "--entries", "telae"), "did you mean 'telea'"),
        (("inpaint_photos", "--add", "mine=teela"), "did you mean 'telea'"),
        (("inpaint_photos", "--add", "telea=telea"), "two entries are called 'telea'"),
        (("inpaint_photos", "--add", "mine=telea@radois=2"), "did you mean 'radius'"),
        (("inpaint_photos", "--data", "brush hols=x"), "did you mean 'brush holes'"),
        (("inpaint_photos", "--metrics", "psnr_holes"), "did you mean 'psnr_hole'"),
        (("inpaint_photos", "--limit", "-1"), "limit must be at least 0"),
        (("nowhere.py",), "no config file nowhere.py"),
        (("empty.py",), "defines no get_compare()"),
        (("broken.py",), "broken.py, line 2 is no working config: ZeroDivisionError"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_command_is_one_sentence_before_anything_is_computed(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "broken.py").write_text("def get_compare():\n    return 1 / 0\n")
    assert main(["compare", *arguments, "-o", "out"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", list(config.known()))
def test_a_comparison_that_comes_with_the_package_is_one(name):
    compare = config.load(name)
    config.check(compare)
    assert all(named(trial.judged_by) for trial in compare.ready())
