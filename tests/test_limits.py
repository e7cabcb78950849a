"""What is too large, no regular file, or would be lost: refused in a sentence, and allowed where an option says so."""

import json
import os
import shutil

import numpy as np
import pytest
from fuzz import good
from PIL import Image

from dgan_jax.cli.main import main
from dgan_jax.core.experiment import Data
from dgan_jax.data.images import read_image
from dgan_jax.data.options import open_data
from dgan_jax.data.sources import open_source
from dgan_jax.data.tiles import tiles
from dgan_jax.train import configs, runs

RESTORE = ("restore", "inpaint", "photo.png", "--hole", "hole.png", "--system", "nearest", "-o", "out")


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.png").write_bytes(good.photo())
    (tmp_path / "hole.png").write_bytes(good.hole())
    return tmp_path


def refusal(capsys, *arguments):
    assert main(list(arguments)) == 2
    return " ".join(capsys.readouterr().err.split())


def test_a_photograph_above_the_limit_is_restored_if_an_option_says_so(work, capsys):
    said = refusal(capsys, *RESTORE, "--megapixels", "0.0005")
    assert "photo.png has 32x24 pixels, more than the limit of 0.0005 megapixels" in said
    assert "raise --megapixels" in said
    assert not (work / "out").exists()
    assert main([*RESTORE, "--megapixels", "0.001"]) == 0
    assert (work / "out" / "photo.png").exists()


def test_a_data_source_leaves_out_what_is_above_its_limit(work):
    (work / "photos").mkdir()
    for i, side in enumerate((8, 8, 40)):
        Image.new("RGB", (side, side)).save(work / "photos" / f"{i}.png")
    with pytest.warns(UserWarning, match="more than the limit of 0.001 megapixels"):
        assert len(open_data(Data(name="photos", size=8, megapixels=0.001, validation=0), "train")) == 2
    assert len(open_data(Data(name="photos", size=8, validation=0), "train")) == 3
    with pytest.raises(ValueError, match=r"data\.megapixels must be more than 0, got nan"):
        Data(megapixels=float("nan"))


def test_an_evaluation_leaves_out_what_is_above_its_limit_unless_an_option_says_so(work):
    (work / "photos").mkdir()
    for i, side in enumerate((16, 16, 40)):
        Image.effect_noise((side, side), 50).save(work / "photos" / f"{i}.png")
    argv = ["evaluate", "nearest", "--data", "photos", "--size", "16", "-o", "out", "--megapixels"]
    for limit, count in (("0.001", 2), ("0.01", 3)):
        assert main([*argv, limit]) == 0
        assert len((work / "out" / "images.csv").read_text().splitlines()) == 1 + count


def test_enlarging_beyond_the_limit_is_refused(work):
    np.savez(work / "a.npz", image=np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="would become 20000x20000, more than 100 megapixels"):
        open_source("a.npz", resize=20_000)


def test_links_are_followed_and_loops_pipes_and_devices_are_named(work):
    os.symlink("photo.png", "link.png")
    np.testing.assert_array_equal(read_image("link.png"), read_image("photo.png"))
    os.symlink("nothing.png", "dangling.png")
    os.symlink("loop.png", "loop.png")
    os.mkfifo("pipe.png")
    os.symlink("/dev/zero", "zero.png")
    for name, says in (
        ("dangling", "is a symbolic link to a file that does not exist"), ("loop", "cannot be read"),
        ("pipe", "is a pipe, a socket or a device"), ("zero", "is a pipe, a socket or a device"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=says):
            read_image(f"{name}.png")


def test_names_that_are_no_text_are_shown_and_written(work):
    name = os.fsdecode(b"caf\xe9 [bold].png")
    shutil.copy("photo.png", name)
    assert main(["restore", "inpaint", name, *RESTORE[3:]]) == 0
    assert (work / "out" / name).exists()


def test_tiles_of_photographs_that_are_decoded_on_demand_are_those_of_photographs_in_memory(work):
    (work / "photos").mkdir()
    for i in range(3):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (20, 16 + 8 * i, 3), np.uint8)).save(
            f"photos/{i}.png"
        )
    held, lazy = (list(tiles(open_source("photos", memory=m), 8, batch=3, limit=7)) for m in (2**30, 0))
    assert sum(len(numbers) for numbers, _ in held) == 7
    for (a, one), (b, other) in zip(held, lazy, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(one["image"], other["image"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1 / 0", r"broken\.py, line 1 is no working config: ZeroDivisionError"),
        ("def get_config(:", "is no working config: SyntaxError"),
        ("def get_config(): return 3", "gives a int, wanted an Experiment"),
        (good.CONFIG.replace("size=8", "size='8'"), "broken.py"),
        (good.CONFIG.replace('"photos.npz"', "30"), "data.name is 30, wanted str"),
        (good.CONFIG.replace("(1, 2)", "(1, 'x')"), "system.multipliers is .*, wanted tuple"),
    ],
)
def test_a_config_file_that_does_not_work_is_one_sentence(work, text, says):
    (work / "broken.py").write_text(text)
    with pytest.raises(ValueError, match=says):
        configs.load("broken.py")


def test_every_config_comes_back_from_what_a_run_keeps_of_it():
    for name in configs.known():
        experiment = configs.load(name)
        assert configs.from_dict(json.loads(json.dumps(configs.to_dict(experiment)))) == experiment


def test_a_run_whose_config_describes_other_networks_is_refused(work):
    shutil.copytree(good.run() / "run", "run")
    runs.load("run")
    plain = json.loads((work / "run" / "config.json").read_text())
    plain["system"]["features"] = 16
    (work / "run" / "config.json").write_text(json.dumps(plain))
    with pytest.raises(ValueError, match=r"holds \[.*\] as .*, its config describes \[.*\]; was config\.json edited"):
        runs.load("run")


def test_a_converted_run_notices_a_flipped_bit(work):
    shutil.copytree(good.run() / "run", "run")  # written as dgan convert writes
    files = [path for path in (work / "run" / "checkpoints" / "0").rglob("*") if path.is_file() and path.stat().st_size]
    draw = np.random.default_rng(0)
    for path in sorted(files):
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[draw.integers(len(changed))] ^= 1 << draw.integers(8)
        path.write_bytes(changed)
        with pytest.warns(UserWarning, match="is not used"), pytest.raises(ValueError, match="no checkpoint"):
            runs.load("run")
        path.write_bytes(whole)
    runs.load("run")
