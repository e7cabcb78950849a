"""dgan systems and dgan published, narrowed by words; where dgan doctor sends one."""

import pytest

from dgan_jax import api
from dgan_jax.cli.doctor import pictures_of
from dgan_jax.cli.main import main


def test_words_narrow_the_systems():
    names = lambda *words, task=None: {row.name for row in api.systems(task, words=words)}
    assert names("inpaint") >= {"telea", "biharmonic", "dgan"}
    assert "bm3d" not in names("inpaint")
    assert names("Dabov") == {"bm3d"}
    assert names("classical", "haze") < names("classical")
    assert names("classical", task="dehaze") == names("classical", "dehaze")
    with pytest.raises(ValueError, match="did you mean 'biharmonic'"):
        names("biharmonik")


def test_a_word_narrows_the_published_figures(capsys):
    assert main(["published", "esrgan", "psnr_rgb"]) == 0
    told = capsys.readouterr().out
    assert "26.22" in told
    assert "RRDB" not in told
    assert main(["published", "esrgn"]) == 2
    assert "did you mean 'esrgan'" in capsys.readouterr().err
    assert main(["published", "esrgan", "--corrections"]) == 2
    assert "leave words out" in capsys.readouterr().err


def test_systems_of_a_word_are_listed(capsys):
    assert main(["systems", "bm3d"]) == 0
    told = capsys.readouterr().out
    assert "bm3d" in told
    assert "telea" not in told


def test_the_doctor_sends_one_to_pictures_only_where_there_are_some(tmp_path):
    assert "dgan evaluate" in pictures_of(str(tmp_path))
    (tmp_path / "samples").mkdir()
    assert "dgan evaluate" in pictures_of(str(tmp_path))
    (tmp_path / "samples" / "00000010.png").write_bytes(b"")
    assert str(tmp_path / "samples") in pictures_of(str(tmp_path))
