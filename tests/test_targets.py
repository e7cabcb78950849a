"""Targets of an evaluation: a place, and what is chosen of it."""

import pytest

from dgan_jax.core.targets import target


def test_a_place_alone_has_no_choices():
    assert target("runs/a") == ("runs/a", {})
    assert target("me@home/run") == ("me@home/run", {})


def test_choices_follow_the_last_mark():
    assert target("me@home/run@realism=0.5,refine=False,space=pixel") == (
        "me@home/run",
        {"realism": 0.5, "refine": False, "space": "pixel"},
    )
    assert target("runs/a@restore_steps=2").choices == {"restore_steps": 2}


@pytest.mark.parametrize("text", ["run@realism=", "run@realism=0,", "run@=1", "run@realism=0,steps"])
def test_a_choice_without_name_or_value_is_refused(text):
    with pytest.raises(ValueError, match="NAME=VALUE"):
        target(text)
