"""The doctor finds what was made wrong in a log, and nothing in a healthy one."""

import json

import numpy as np
import pytest

from dgan_jax.cli.main import main
from dgan_jax.doctor import Course, diagnose

STEPS = 30


def course(data=None, config=None, **metrics):
    """A healthy log of 30 rows with some metrics replaced: a number, or a function of the share of the training."""
    healthy = {
        "critic/gap": 0.8, "critic/r1": 0.01, "critic/gradient": 1.0, "generator/gradient": 0.5,
        "generator/ema_distance": 0.01, "generator/reconstruction": lambda x: 0.1 + 0.1 * np.exp(-8 * x),
        "guard/skipped": 0, "guard/in_a_row": 0, "diversity": 0.1,
    }  # fmt: skip
    values = {**healthy, **metrics}
    at = lambda value, x: value(x) if callable(value) else value
    rows = [{"step": 10 * i, **{k: at(v, i / STEPS) for k, v in values.items()}} for i in range(1, STEPS + 1)]
    return Course(
        rows, config or {"data": {"batch": 16}, "train": {"accumulate": 1}}, data or {"images": 1000, "left_out": 0}
    )


def test_a_healthy_run_has_no_findings():
    assert diagnose(course()) == []


@pytest.mark.parametrize(
    ("changed", "what", "evidence"),
    [
        ({"critic/gap": lambda x: 12 * x}, "critic is too strong", "10.2 above"),
        ({"critic/gap": 0.001}, "critic has learned nothing", "0.0010"),
        ({"diversity": lambda x: 0.1 if x < 0.5 else 0.001}, "collapse", "differ by 0.001, once by 0.1"),
        ({"generator/gradient": lambda x: 60.0 if 0.9 < x < 0.95 else 0.5}, "generator's gradients spike", "120 times"),
        ({"generator/reconstruction": lambda x: 0.1 + 0.1 * x**2}, "error grows again", "by thirds"),
        ({"generator/reconstruction": lambda x: 0.3 - 0.2 * x}, "not at its end", "from the second"),
        ({"generator/ema_distance": 0.5}, "averaged weights lag", "0.50"),
        ({"guard/skipped": lambda x: round(4 * x)}, "numbers overflow", "4 steps"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_doctor_finds(changed, what, evidence):
    findings = diagnose(course(**changed))
    assert [what in finding.what for finding in findings] == [True]
    assert evidence in findings[0].evidence


def test_the_doctor_finds_a_small_batch_and_bad_data():
    said = [f.what for f in diagnose(course(config={"data": {"batch": 16}, "train": {"accumulate": 4}}))]
    assert said == ["the batch is small for an adversary"]
    said = [f.evidence for f in diagnose(course(data={"images": 90, "left_out": 10}))]
    assert said[0].startswith("10 of 100 images could not be used")


def test_the_command_tells_findings_and_refuses_a_folder_without_a_log(tmp_path, capsys):
    rows = course(**{"critic/gap": 9.0}).rows
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["doctor", str(tmp_path)]) == 0
    assert "the critic is too strong" in capsys.readouterr().out
    assert main(["doctor", str(tmp_path / "nowhere")]) == 2
    assert "has no log" in capsys.readouterr().err
