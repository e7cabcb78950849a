"""The same seed on the same machine gives the same bits, in every process."""

import kill
import numpy as np


def test_two_processes_with_one_seed_end_bit_for_bit_alike_and_another_seed_does_not(tmp_path):
    images = str(tmp_path / "images.npz")
    np.savez(images, image=np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8))
    seeds = {"one": 5, "again": 5, "other": 6}
    processes = [kill.start(tmp_path / name, images, 12, seed) for name, seed in seeds.items()]
    for process in processes:
        process.communicate(timeout=240)
        assert process.returncode == 0
    one, again, other = (kill.state_of(tmp_path / name) for name in seeds)
    assert len(one) > 20
    for name, value in one.items():
        assert value.tobytes() == again[name].tobytes(), name
    assert kill.log_of(tmp_path / "one") == kill.log_of(tmp_path / "again")
    assert any(one[name].tobytes() != other[name].tobytes() for name in one if name.startswith(".params"))
