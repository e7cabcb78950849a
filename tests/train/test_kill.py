"""SIGKILL at random moments. Twenty of them: python tests/train/kill.py --kills 20."""

import kill


def test_a_run_killed_at_random_moments_ends_bit_for_bit_where_an_unbroken_one_does(tmp_path):
    found = kill.study(3, tmp_path, steps=60)
    assert found["kills"] == 3
    for part in ("params", "ema", "opt_state", "model_state", "memory"):
        assert found[part] > 0, part
    assert any("opt_state['critic']" in name for name in kill.state_of(tmp_path / "whole"))
    assert any("opt_state['generator']" in name for name in kill.state_of(tmp_path / "whole"))
    assert (found["different"], found["rows"]) == (0, 0)
