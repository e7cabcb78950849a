"""The first command that anybody runs, made short."""

import json

import numpy as np
from PIL import Image

from dgan_jax.cli.main import main
from dgan_jax.data.sources import open_source
from dgan_jax.data.tiles import tiles


def test_quickstart_trains_restores_and_writes_a_picture_and_figures(tmp_path, capsys):
    assert main(["quickstart", "-o", str(tmp_path / "out"), "--steps", "2", "--limit", "3", "--size", "64"]) == 0
    said = capsys.readouterr().out
    assert "psnr_hole: ours, least error" in said, "in words, where it wins and where it loses"
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert {"ours, least error", "ours, a sample", "ours, another sample", "cheap fill"} <= figures["systems"].keys()
    picture = np.asarray(Image.open(tmp_path / "out" / "quickstart.png"))
    assert picture.shape[0] > 3 * 64
    assert picture.shape[1] > 6 * 64


def test_tiles_do_not_overlap_and_come_in_turn_from_each_photograph():
    source = open_source("bundled", "validation")
    parts = list(tiles(source, 128, batch=5))
    numbers = np.concatenate([index for index, _ in parts])
    images = np.concatenate([batch["image"] for _, batch in parts])
    assert sorted(numbers) == list(range(4 * 4 + 2 * 3 + 2 * 3))
    assert len({image.tobytes() for image in images}) == len(images)
    grey = [bool(np.all(image[..., 0] == image[..., 1])) for image in images[:3]]
    assert sorted(grey) == [False, True, True], "the first three show the three photographs"
    few = np.concatenate([index for index, _ in tiles(source, 128, limit=6)])
    assert len(few) == 6
