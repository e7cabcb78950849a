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


def test_there_is_room_until_a_process_has_grown_by_so_many_bytes(monkeypatch):
    held = iter([400, 400, 1100, 1100, 500, 1100, 1100])
    monkeypatch.setattr(programs, "resident", lambda: next(held))
    monkeypatch.setattr(programs, "_bare", 0)
    monkeypatch.setattr(programs, "KEPT", 650)
    kept = programs.Programs()
    made = []
    build = lambda: made.append(0) or "program"
    assert kept.get("f", {"x": (3,)}, build) == kept.get("f", {"x": (3,)}, build)
    assert len(made) == 1
    assert not programs.make_room()
    assert programs.make_room()
    assert len(kept) == 0
    assert not programs.make_room(), "what it holds now is what it began with"


def test_an_owner_keeps_the_programs_that_it_met_last():
    kept, made = programs.Programs(), []
    for side in [*range(programs.HELD), 0, programs.HELD, 0]:
        kept.get("f", {"x": (side,)}, lambda side=side: (made.append(side), "program"))
    assert made == [*range(programs.HELD), programs.HELD]
    assert len(kept) == programs.HELD
