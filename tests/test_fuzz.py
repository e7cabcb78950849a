"""Bad input, a fixed share of it: each kind of input at its entrance. All of it: python -m tests.fuzz --count 2000."""

import sys
from pathlib import Path

import pytest
from fuzz import bombs, good
from fuzz.comparisons import CONFIG
from fuzz.entrances import ENTRANCES
from fuzz.good import RESTORE
from fuzz.judge import Case, judge
from fuzz.runs import LOADED, USE
from fuzz.stores import SHOW
from hypothesis import HealthCheck, Phase, given, settings

FEW, MOST = 6, 25
"""Inputs of an entrance that has to compute something, and of one that has not."""
COSTLY = ("photographs", "masks", "folders", "albums", "configs", "overrides", "run configs", "comparisons", "datasets")
DANGEROUS = (
    "PNG of 10 gigapixels", "profile that unfolds to a gigabyte", "npz that says 4 TiB", "tar with a header of 8 GiB"
)  # fmt: skip


@pytest.mark.parametrize("name", ENTRANCES)
def test_bad_input_is_refused_in_a_sentence_and_leaves_nothing_behind(name):
    @settings(
        max_examples=FEW if name in COSTLY else MOST, derandomize=True, database=None, deadline=None,
        phases=[Phase.generate],  # shrinking takes minutes where networks are traced
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(ENTRANCES[name].cases())
    def one(case: Case) -> None:
        fault = judge(case).fault
        assert not fault, f"{fault}: {case}"

    one()


TINY = {"tiny.py": good.CONFIG.encode(), "photos.npz": good.arrays()["plain.npz"], "file": b""}
GOOD = {
    "photograph": lambda: Case(RESTORE, {"photo.png": good.photo(), "hole.png": good.hole()}),
    "array": lambda: Case(("data", "show", "photos.npz"), TINY),
    "tar": lambda: Case(("data", "show", "a.tar"), {"a.tar": next(iter(good.tars().values()))}),
    "config": lambda: Case(("train", "tiny.py", "--out", "file/run"), TINY, loads="cannot write to file/run"),
    "run": lambda: Case(USE, {}, base=good.run(), loads=LOADED),
    "comparison": lambda: Case(
        ("compare", "compare.py", "--out", "file/out"),
        {**TINY, "compare.py": CONFIG.encode()},
        loads="cannot write",
    ),
    "dataset": lambda: Case(SHOW, {}, base=good.dataset()),
    "log": lambda: Case(("doctor", "run"), {}, base=good.run()),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_broken_was_good_before(name):
    verdict = judge(GOOD[name]())
    assert (verdict.accepted, verdict.fault) == (True, "")


@pytest.mark.parametrize("bomb", [bomb for bomb in bombs.BOMBS if bomb.name in DANGEROUS], ids=lambda bomb: bomb.name)
def test_a_bomb_is_refused_within_bounded_memory_and_time(bomb):
    assert not bombs.explode(bomb).fault


def test_the_judge_finds_what_it_is_there_to_find(tmp_path):
    def fault(call, **options):
        return judge(Case((), call=call, **options)).fault

    def half_written(arguments):
        Path("out.png").write_bytes(good.photo()[:200])
        return 0

    def writes_and_refuses(arguments):
        Path("out.png").write_bytes(b"")
        print("no", file=sys.stderr)
        return 2

    assert "KeyError" in fault(lambda arguments: {}["absent"])
    assert "out.png is not whole" in fault(half_written)
    assert "out.png was written" in fault(writes_and_refuses)
    assert "without a word" in fault(lambda arguments: 2)
    assert "exit code 1" in fault(lambda arguments: 1)
    assert "was accepted" in fault(lambda arguments: 0, never=True)
    assert "changed a" in fault(lambda arguments: Path("a").write_bytes(b"other") * 0, files={"a": b"a"})
    assert "MiB" in fault(lambda arguments: len(b"x" * (2**30 + 2**24)) * 0)
