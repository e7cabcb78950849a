"""The page of photographs before and after: lists are checked, commands are run, holes are where the list says."""

import dataclasses
import re

import numpy as np
import pytest
from PIL import Image

from dgan_jax.cli.main import main
from dgan_jax.compare import gallery

LIST = """
[[section]]
title = "Holes"
task = "inpaint"
options = "--system nearest"
says = "Filled."

[[section.example]]
name = "hole"
photo = "coffee"
crop = [10, 20, 32, 24]
hole = ["box:4,5,6,7", "ellipse:20,12,3,2"]
says = "A box and an ellipse."

[[section]]
title = "Small"
task = "superres"
options = "--system upscale_nearest --scale 2"
says = "Enlarged."

[[section.example]]
name = "small"
photo = "own.png"
set = ["scale=2"]
says = "A half."
"""


def written(folder, text=LIST):
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)).save(folder / "own.png")
    (folder / "list.toml").write_text(text)
    return folder / "list.toml"


def test_one_command_restores_and_writes_the_page(tmp_path, monkeypatch):
    def here(arguments, folder):
        """In this process: a start of `dgan` is most of what such a small picture takes."""
        monkeypatch.chdir(folder)
        assert main(arguments) == 0
        return 1.25, 0.5

    monkeypatch.setattr(gallery, "run", here)
    place, out, work = written(tmp_path / "list"), tmp_path / "docs", tmp_path / "work"
    assert main(["gallery", str(place), "-o", str(out), "--inputs", str(work)]) == 0
    page = (out / "gallery.md").read_text()
    commands = re.findall(r"^(dgan restore .*?) +# (\d+)x(\d+) pixels, ([\d.]+) s", page, re.M)
    assert [command for command, *_ in commands] == [
        "dgan restore inpaint coffee.png --hole coffee_mask.png --system nearest -o restored/",
        "dgan restore superres own.png --system upscale_nearest --scale 2 -o restored/",
    ]
    assert [size for _, *size, _ in commands] == [["32", "24"], ["8", "8"]]
    assert [seconds for *_, seconds in commands] == ["1.2", "1.2"]
    pictures = re.findall(r"\]\((images/\S+)\)", page)
    assert pictures == ["images/gallery/hole.jpg", "images/gallery/small.jpg"]
    assert all(Image.open(out / picture).format == "JPEG" for picture in pictures)
    mask = np.asarray(Image.open(work / "hole" / "coffee_mask.png")) > 0
    assert mask[5:12, 4:10].all()
    assert mask[12, 17:24].all()
    assert mask.sum() < 6 * 7 + 7 * 5
    # What is to come back is not there to be copied.
    given, result = (np.asarray(Image.open(work / "hole" / name)) for name in ("coffee.png", "restored/coffee.png"))
    assert (given[mask] == gallery.GREY).all()
    assert (result[mask] != gallery.GREY).any()
    np.testing.assert_array_equal(result[~mask], given[~mask])
    # What is done is not done again, unless the list has it otherwise now.
    monkeypatch.setattr(gallery, "run", lambda arguments, folder: pytest.fail("ran again"))
    (again,) = gallery.read(place, ["hole"])
    assert gallery.restore(again, again.examples[0], work).spent.seconds == 1.25
    assert gallery.earlier(work / "hole", again, dataclasses.replace(again.examples[0], seed=1)) is None


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('"own.png"', '"astronot"', r"unknown photograph 'astronot'.*astronaut"),
        ('name = "small"', 'name = "hole"', "two examples are called 'hole'"),
        ('task = "superres"', 'task = "superress"', "unknown task 'superress'"),
        ("says = ", "sys = ", "says"),
        ("[[section]]", "[[section", "cannot be read as a list"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(tmp_path, before, after, says):
    with pytest.raises(ValueError, match=says):
        gallery.read(written(tmp_path, LIST.replace(before, after)))


def test_examples_are_chosen_by_their_names(tmp_path):
    place = written(tmp_path)
    (section,) = gallery.read(place, ["sm"])
    assert [example.name for example in section.examples] == ["small"]
    with pytest.raises(ValueError, match="no example of that name; it has: hole, small"):
        gallery.read(place, ["large"])


def test_a_command_that_fails_is_told_with_its_reason(tmp_path):
    text = LIST.replace("--system nearest", "--system telia")
    with pytest.raises(ValueError, match=r"dgan restore inpaint .* failed in .*unknown system 'telia'"):
        gallery.write(gallery.read(written(tmp_path, text), ["hole"]), tmp_path / "out", str(tmp_path / "work"))


def test_a_hole_of_nothing_is_refused():
    example = gallery.Example(name="a", photo="own.png", says="")
    with pytest.raises(ValueError, match="'a' has no hole"):
        gallery.hole_of(example, 8, 8)
