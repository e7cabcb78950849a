"""Compiled programs are let go before the machine runs out of memory maps."""

import jax
import jax.numpy as jnp

from dgan_jax.core import programs


def test_there_is_room_until_half_of_the_maps_are_taken(tmp_path, monkeypatch):
    assert not programs.make_room()
    function = jax.jit(lambda x: x + 1)
    function(jnp.zeros(3))
    monkeypatch.setattr(programs, "GRANTED", tmp_path / "granted")
    (tmp_path / "granted").write_text("100\n")
    monkeypatch.setattr(programs, "MAPS", tmp_path / "maps")
    (tmp_path / "maps").write_text("a map\n" * 50)
    assert not programs.make_room()
    assert function._cache_size() == 1
    (tmp_path / "maps").write_text("a map\n" * 51)
    assert programs.make_room()
    assert function._cache_size() == 0
    assert function(jnp.zeros(3))[0] == 1
    (tmp_path / "maps").unlink()
    assert not programs.make_room(), "elsewhere than on Linux"
