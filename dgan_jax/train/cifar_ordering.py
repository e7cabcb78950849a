"""Do `is_cifar`, `fid_cifar`, `precision_cifar` and `recall_cifar` order sets of images as they should? A table of it:

    python -m dgan_jax.train.cifar_ordering --data TRAIN.npz --test TEST.npz

Originals are training images. The sets held against them are test images as they are, damaged, of fewer classes, and
few of them repeated, always equally many.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from scipy import ndimage

from dgan_jax.train.cifar_classifier import Images, read_images

Row = tuple[str, int, dict[str, float]]
BATCH = 250


def noisy(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian noise of `sigma` grey levels, the same for each call."""
    found = pixels + sigma * np.random.default_rng(0).standard_normal(pixels.shape, np.float32)
    return np.clip(np.rint(found), 0, 255).astype(np.uint8)


def blurred(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian of `sigma` pixels, the border mirrored."""
    found = ndimage.gaussian_filter(pixels.astype(np.float32), (0, sigma, sigma, 0))
    return np.clip(np.rint(found), 0, 255).astype(np.uint8)


def sets(test: Images, count: int) -> Iterator[tuple[str, np.ndarray]]:
    """Name and pixels [count, 32, 32, 3]; a set of so few classes that it is smaller is cut where they end."""
    real = test.pixels[:count]
    yield "test images", real
    for sigma in (5, 10, 25, 50):
        yield f"with noise, sigma {sigma}", noisy(real, sigma)
    for blur in (0.5, 1.0, 2.0):
        yield f"blurred, sigma {blur}", blurred(real, blur)
    yield "uniform noise", np.random.default_rng(1).integers(0, 256, real.shape, np.uint8)
    for kept in (8, 5, 2, 1):
        yield f"of {kept} class{'es' if kept > 1 else ''}", test.pixels[test.labels < kept][:count]
    for few in (count // 4, 100, 10):
        yield f"{few} images, repeated", np.resize(real[:few], real.shape)


def described(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """What the judge sees in uint8 images."""
    import jax

    from dgan_jax.metrics.cifar import CIFAR
    from dgan_jax.metrics.sets import join

    see = jax.jit(next(iter(CIFAR.values())).features)
    floats = lambda start: pixels[start : start + BATCH].astype(np.float32) / 255.0
    found: dict[str, np.ndarray] = join([see(floats(start), None) for start in range(0, len(pixels), BATCH)])
    return found


def figures(train: Images, test: Images, count: int) -> Iterator[Row]:
    """A row per set: its name, how many images, and each metric's figure; against as many training images."""
    from dgan_jax.metrics.cifar import CIFAR

    originals = described(train.pixels[:count])
    for name, pixels in sets(test, count):
        found = described(pixels)
        against = {key: value[: len(pixels)] for key, value in originals.items()}
        yield name, len(pixels), {metric: CIFAR[metric].figure(found, against) for metric in CIFAR}


def shuffled(images: Images) -> Images:
    """In an order of no meaning, the same for each call."""
    order = np.random.default_rng(0).permutation(len(images.labels))
    return Images(images.pixels[order], images.labels[order])


def ordering(train: Images, test: Images, count: int, say: Callable[[str], None]) -> None:
    """The table, as Markdown, row by row."""
    if not 100 <= count <= min(len(train.labels), len(test.labels)):
        raise ValueError(
            f"--count is from 100 to the smaller set's {min(len(train.labels), len(test.labels))} images, got {count}"
        )
    rows = figures(shuffled(train), shuffled(test), count)
    for number, (name, images, row) in enumerate(rows):
        if number == 0:
            say("| set | images | " + " | ".join(f"`{metric}`" for metric in row) + " |")
            say("| --- | " + " | ".join("---:" for _ in range(len(row) + 1)) + " |")
        say(f"| {name} | {images} | " + " | ".join(f"{value:.2f}" for value in row.values()) + " |")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m dgan_jax.train.cifar_ordering", description=__doc__)
    parser.add_argument("--data", required=True, help="training images, a .npz as dgan judge takes it")
    parser.add_argument("--test", required=True, help="test images, likewise")
    parser.add_argument("--count", type=int, default=4400, help="how many images a set has (default: 4400)")
    given = parser.parse_args(arguments)
    try:
        ordering(read_images(given.data), read_images(given.test), given.count, partial(print, flush=True))
    except ValueError as error:
        print(f"cifar_ordering: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
