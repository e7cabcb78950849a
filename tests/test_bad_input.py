"""Bad input on the command line: one clear sentence, exit code 2, nothing written."""

import json

import numpy as np
import pytest
from PIL import Image

from dgan_jax.cli.main import main


@pytest.fixture
def work(tmp_path, monkeypatch):
    """An empty folder to stand in, with good photographs and a hole."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for i in range(4):
        Image.fromarray(draw.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(tmp_path / "photos" / f"{i}.png")
    hole = np.zeros((40, 48), np.uint8)
    hole[10:20, 10:20] = 255
    Image.fromarray(hole).save(tmp_path / "hole.png")
    return tmp_path


def refused(capsys, work, *arguments):
    """The sentence on stderr; checks the exit code and that no file appeared."""
    before = sorted(work.rglob("*"))
    try:
        code = main(list(arguments))
    except SystemExit as stop:
        code = stop.code
    error = capsys.readouterr().err
    assert code == 2, error
    assert "Traceback" not in error
    assert sorted(work.rglob("*")) == before, "something was written"
    return error


TRAIN = ("train", "ddgan_photos_inpaint", "--out", "run", "--data.name", "photos", "--train.devices", "1")
RESTORE = ("restore", "inpaint", "photos/0.png", "-o", "out", "--hole")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retsore",), "unknown verb 'retsore'; did you mean 'restore'?"),
        (("train", "ddgan_cifar"), "unknown config 'ddgan_cifar'; did you mean 'ddgan_cifar10'?"),
        (("train", "none.py"), "no config file none.py"),
        ((*TRAIN, "--data.btach", "3"), "--data.batch"),
        ((*TRAIN, "--data.batch", "0"), "data.batch must be at least 1, got 0"),
        ((*TRAIN, "--data.name", "phtoos"), "phtoos"),
        ((*TRAIN, "--data.size", "64"), "64"),
        ((*TRAIN, "--data.size", "30"), "multiples of 4"),
        ((*TRAIN, "--data.size", "32", "--system.features", "24"), "features 24"),
        ((*TRAIN, "--data.size", "32", "--task.hole", "bursh"), "unknown hole 'bursh'; did you mean 'brush'?"),
        (
            (*TRAIN, "--data.size", "32", "--train.devices", "2", "--data.batch", "5"),
            "data.batch 5 cannot be divided over 2 devices",
        ),
        ((*TRAIN, "--data.size", "32", "--data.batch", "6"), "groups of 4"),
        (("evaluate", "teela"), "unknown system 'teela'; did you mean 'telea'?"),
        (("evaluate", "telea", "--task", "inpiant"), "unknown task 'inpiant'; did you mean 'inpaint'?"),
        (("evaluate", "ddgan"), "has to be trained"),
        (("evaluate", "telea", "--metrics", "psnr_hole_"), "unknown metric 'psnr_hole_'"),
        (("restore", "inpiant", "photos/0.png", "--hole", "hole.png", "--system", "telea"), "did you mean 'inpaint'?"),
        ((*RESTORE, "hole.png", "--run", "a", "--system", "telea"), "restores without a run"),
        ((*RESTORE, "hole.png", "--run", "nowhere"), "holds no run"),
        ((*RESTORE, "hole.png", "--system", "ddgan"), "has to be trained"),
        (("sample", "nowhere"), "holds no run"),
        (("convert", "nowhere.pth", "--config", "ddgan_cifar10"), "nowhere.pth"),
        (("bench", "ddgan_cifar"), "did you mean 'ddgan_cifar10'?"),
        (("data", "show", "tfds:nothing_here", "--data-dir", "photos"), "nothing_here"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_a_wrong_command_is_one_sentence(capsys, work, arguments, said):
    assert said in " ".join(refused(capsys, work, *arguments).split())


def test_an_empty_folder_of_photographs_is_refused(capsys, work):
    (work / "empty").mkdir()
    assert "empty" in refused(capsys, work, *TRAIN, "--data.name", "empty")
    assert "no image files" in refused(
        capsys, work, "restore", "inpaint", "empty", "--hole", "hole.png", "--system", "telea"
    )


def test_a_hole_must_fit_and_leave_something_known(capsys, work):
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(work / "small.png")
    Image.fromarray(np.zeros((40, 48), np.uint8)).save(work / "none.png")
    Image.fromarray(np.full((40, 48), 255, np.uint8)).save(work / "all.png")
    for name, said in (
        ("small", "the hole is 40x40 pixels, the image 48x40"),
        ("none", "is empty"),
        ("all", "covers the whole image"),
    ):
        assert said in refused(capsys, work, *RESTORE, f"{name}.png", "--system", "nearest")


def test_a_text_file_named_png_is_refused(capsys, work):
    (work / "text.png").write_text("hello")
    assert "text.png" in refused(
        capsys, work, "restore", "inpaint", "text.png", "--hole", "hole.png", "--system", "nearest"
    )


def test_an_output_that_cannot_be_written_is_refused(capsys, work):
    (work / "file").write_text("in the way")
    assert "file" in refused(capsys, work, *RESTORE, "hole.png", "--system", "nearest", "-o", "file/out")
    assert "cannot write to file/run" in refused(capsys, work, *TRAIN, "--data.size", "32", "--out", "file/run")


def test_one_broken_photograph_is_reported_and_the_others_are_restored(capsys, work):
    data = (work / "photos" / "1.png").read_bytes()
    (work / "photos" / "1.png").write_bytes(data[: len(data) // 2])
    assert main(["restore", "inpaint", "photos", "--hole", "hole.png", "--system", "nearest", "-o", "out"]) == 2
    error = capsys.readouterr().err
    assert "1.png" in error
    assert "1 of 4 not restored" in error
    assert sorted(path.name for path in (work / "out").glob("[!.]*")) == ["0.png", "2.png", "3.png"]


@pytest.mark.parametrize("system", ["biharmonic", "telea", "navier_stokes", "nearest", "bilinear", "harmonic"])
def test_known_pixels_come_back_bit_for_bit(work, system):
    assert main([*RESTORE, "hole.png", "--system", system]) == 0
    restored, original = (np.asarray(Image.open(work / name)) for name in ("out/0.png", "photos/0.png"))
    hole = np.asarray(Image.open(work / "hole.png")) > 0
    assert restored.shape == original.shape
    assert np.array_equal(restored[~hole], original[~hole])
    assert not np.array_equal(restored[hole], original[hole])


def test_evaluation_writes_figures_that_name_their_protocol(work):
    assert (
        main(["evaluate", "nearest", "telea", "--data", "photos", "--size", "32", "--out", "report", "--hole", "box"])
        == 0
    )
    report = json.loads((work / "report" / "metrics.json").read_text())
    assert report["protocol"]["task"]["hole"] == "box"
    assert set(report["systems"]["telea"]) >= {"psnr_hole", "psnr_rgb", "ssim_rgb_gauss", "seconds_per_image"}
    assert (work / "report" / "picture.png").stat().st_size > 1000
