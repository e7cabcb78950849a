"""The table that shows how the judge of CIFAR-10 orders sets."""

import numpy as np
from scipy import ndimage

from dgan_jax.train.cifar_ordering import main


def smooth(path, seed):
    """A hundred smooth colourful images of ten classes."""
    random = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(random.normal(size=(100, 32, 32, 3)), (0, 3, 3, 0))
    image = 128 + 40 * image / image.std()
    np.savez(path, image=np.clip(image, 0, 255).astype(np.uint8), label=np.arange(100) % 10)
    return str(path)


def test_each_set_has_a_row_and_noise_is_further_away_than_images_of_the_same_kind(tmp_path, capsys):
    data, test = (smooth(tmp_path / f"{seed}.npz", seed) for seed in (0, 1))
    assert main(["--data", data, "--test", test, "--count", "100"]) == 0
    head, _, *lines = capsys.readouterr().out.splitlines()
    names = [cell.strip(" `") for cell in head.strip("|").split("|")]
    table = {cells[0].strip(): cells for cells in (line.strip("|").split("|") for line in lines)}
    assert names == ["set", "images", "is_cifar", "fid_cifar", "precision_cifar", "recall_cifar"]
    assert int(table["of 5 classes"][1]) == 50
    assert 2 * float(table["test images"][3]) < float(table["uniform noise"][3])
    assert float(table["10 images, repeated"][5]) < float(table["test images"][5])


def test_more_images_than_there_are_is_one_sentence(tmp_path, capsys):
    data = smooth(tmp_path / "a.npz", 0)
    assert main(["--data", data, "--test", data, "--count", "101"]) == 2
    assert "from 100 to the smaller set's 100 images, got 101" in capsys.readouterr().err
