"""SIGKILL at random moments. Twenty of them: python tests/train/kill.py --kills 20."""

import kill


def test_a_run_killed_at_random_moments_ends_bit_for_bit_where_an_unbroken_one_does(tmp_path):
    found = kill.study(3, tmp_path, steps=60)
    assert found["kills"] == 3
    assert found["arrays"] > 10
    assert (found["different"], found["rows"]) == (0, 0)
