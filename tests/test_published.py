"""Published figures: every one has a protocol and a source, the document is what is generated, corrections say both."""

import collections
import re
from pathlib import Path

import pytest

from dgan_jax import tasks
from dgan_jax.cli.main import main
from dgan_jax.metrics.sets import SETS
from dgan_jax.metrics.table import METRICS
from dgan_jax.metrics.through_networks import PRETRAINED
from dgan_jax.published import PROTOCOLS, TABLES, beside, corrections, rows
from dgan_jax.published.data import FIGURES
from dgan_jax.published.page import page

ROOT = Path(__file__).parents[1]
OURS = {*METRICS, *SETS, *PRETRAINED}


def only(found):
    (row,) = found
    return row


def refused(capsys, *arguments):
    """What `dgan published` says on stderr when it refuses."""
    assert main(["published", *arguments]) == 2
    return capsys.readouterr().err


def test_the_document_is_what_the_data_give():
    assert (ROOT / "docs" / "published-tables.md").read_text("utf-8") == page()


def test_the_command_writes_the_document(capsys):
    assert main(["published", "--markdown"]) == 0
    assert capsys.readouterr().out == page()


def faults(row):
    """What a row lacks."""
    wanted = {
        "source": re.search(r"arXiv \d{4}\.\d{4,5}|repository \S+/\S+", row.source),
        "paper": re.search(r"\d{4}, arXiv \d{4}\.\d{4,5}$", row.paper),
        "protocol": len(row.protocol) > 20,
        "figure": row.figure in FIGURES,
        "task": row.task in tasks.classes(),
        "data": row.dataset and row.setting,
        "digits": re.fullmatch(r"\d+(\.\d+)?( ± \d+\.\d+)?", row.text),
        "year": 1990 < row.year < 2030,
    }
    return [name for name, given in wanted.items() if not given]


def test_every_row_has_a_source_and_a_protocol():
    assert len(rows()) > 200
    assert {(row.method, row.metric): faults(row) for row in rows() if faults(row)} == {}


def test_a_metric_has_our_name_just_where_the_protocol_is_ours():
    assert {name for name, protocol in PROTOCOLS.items() if protocol.ours} == OURS & set(PROTOCOLS)


def test_every_protocol_is_of_some_row():
    assert {row.metric for row in rows()} == set(PROTOCOLS)


def test_no_figure_is_given_twice():
    keys = [(r.table, r.method, r.dataset, r.setting, r.task, r.metric, r.source) for r in rows()]
    assert [key for key, count in collections.Counter(keys).items() if count > 1] == []


def test_the_review_prints_as_many_figures_as_the_tables_hold():
    printed = collections.Counter(row.table for row in rows() if row.in_review)
    assert printed == {1: 20, 2: 11, 3: 11}


def test_every_correction_states_both_values_and_why():
    found = corrections()
    assert {c.table for c in found} == {1, 2, 3}
    assert all(c.printed and c.correct and c.why and c.printed != c.correct for c in found)
    for row in rows():
        if row.review_text is not None:
            assert row.review_value != row.value
            fitting = [c for c in found if row.review_text in c.printed and row.text in c.correct]
            assert [c.table for c in fitting] == [row.table]
        if row.review_method is not None:
            assert (row.review_method, row.method) in {(c.printed, c.correct) for c in found}


@pytest.mark.parametrize(
    ("method", "metric", "printed", "correct"),
    [
        ("SNGAN", "inception_score_unstated", 8.82, 8.22),
        ("DDIM, T=50", "inception_score_unstated", 8.87, 8.78),
        ("HCFlow", "psnr_rgb", 26.61, 27.02),
        ("HCFlow", "ssim_rgb_unstated", 0.74, 0.76),
    ],
)
def test_a_known_error_of_the_review_is_put_right(method, metric, printed, correct):
    row = only(rows(method=method, metric=metric))
    assert (row.review_value, row.value) == (printed, correct)


def test_recalled_figures_are_marked():
    assert all(not row.checked for row in rows() if row.table in (2, 3) and row.in_review)
    assert only(rows(method="SRDiff, released checkpoint", metric="psnr_rgb")).checked
    assert not only(rows(method="Context Encoder", figure="psnr")).checked


def test_one_network_under_two_protocols_is_two_rows():
    found = rows(table=2, method="ESRGAN")
    assert {row.metric: row.value for row in found} == {"psnr_y_crop4": 28.16, "psnr_rgb": 26.22}


def test_a_spread_is_read_and_missing_where_there_is_none():
    assert only(rows(method="DDPM", metric="inception_score")).spread == 0.11
    assert only(rows(method="DDPM", metric="fid")).spread is None


def test_rows_are_found_by_everything_that_they_are_asked_for():
    assert {row.table for row in rows(table=3)} == {3}
    assert {row.task for row in rows(task="inpaint")} == {"inpaint"}
    assert {row.dataset for row in rows(dataset="CIFAR10")} == {"cifar10"}
    assert {row.metric for row in rows(metric="fid")} == {"fid"}
    assert {row.figure for row in rows(figure="fid")} == {"fid"}
    assert len(rows(figure="fid")) > len(rows(metric="fid"))
    assert {row.metric for row in rows(protocol="Cropped by 4", figure="psnr")} == {"psnr_y_crop4", "psnr_rgb_crop4"}
    assert rows(method="pixelqnn") == rows(method="PixelIQN") != ()
    assert rows(table=1, task="inpaint") == ()
    assert rows() == tuple(row for table in TABLES for row in table.rows)


def test_a_measured_figure_stands_beside_published_ones_of_its_protocol_alone():
    same = beside("psnr_rgb", "div2k_valid", task="superres", setting="x4, bicubic", images=100)
    why = {(row.method, row.metric, row.setting): why for row, why in same}
    assert why["RRDB", "psnr_rgb", "x4, bicubic"] == ""
    assert "psnr_y_crop4, not psnr_rgb" in why["ESRGAN", "psnr_y_crop4", "x4, bicubic"]
    assert {row.metric for row, why in same if not why} == {"psnr_rgb"}
    assert {row.figure for row, _ in same} == {"psnr"}
    assert "x2, bicubic, not x4, bicubic" in why["MSRResNet", "psnr_rgb_crop2", "x2, bicubic"]


def test_a_measured_figure_of_fewer_images_does_not_compare():
    found = beside("inception_score", "cifar10", task="generate", setting="unconditional", images=1000)
    assert found
    assert all(why for _, why in found)
    assert "of 50,000 images, not 1,000" in next(why for row, why in found if row.metric == "inception_score")


def test_a_figure_that_nobody_published_stands_alone():
    assert beside("seam", "cifar10", task="inpaint") == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--dataset", "cifar100"), "unknown published dataset 'cifar100'; did you mean 'cifar10'?"),
        (("--metric", "psnr_y_crop"), "did you mean 'psnr_y_crop4'?"),
        (("--figure", "psrn"), "did you mean 'psnr'?"),
        (("--method", "DDIM"), "unknown published method 'DDIM'"),
        (("--task", "inpant"), "did you mean 'inpaint'?"),
        (("--table", "4"), "no published table 4; choose one of 1, 2, 3"),
        (("--corrections", "--table", "9"), "no published table 9"),
        (("--table", "1", "--task", "inpaint"), "leave one of them out"),
        (("--markdown", "--table", "1"), "leave the other options out"),
        (("--corrections", "--method", "DDPM"), "leave --method out"),
    ],
    ids=" ".join,
)
def test_the_command_refuses(arguments, says, capsys):
    assert says in refused(capsys, *arguments)


def test_the_command_shows_rows_protocols_and_marks(capsys):
    assert main(["published", "--table", "2"]) == 0
    said = capsys.readouterr().out
    for text in ("SRGAN", "28.16 ?", "27.160", "26.61", PROTOCOLS["psnr_y_crop4"].text, "arXiv 2103.15295"):
        assert text in said
    assert "GAN" in said
    assert "DDPM" not in said


def test_the_command_lists_corrections_of_one_table(capsys):
    assert main(["published", "--corrections", "--table", "3"]) == 0
    said = capsys.readouterr().out
    assert "SSIM 0.76" in said
    assert "PixelQNN" not in said
