"""Rules that the converters of plain GANs share: leaves of layers, and singular vectors in our order of weights."""

import numpy as np

from dgan_jax.convert.trees import Layout, Path, to_ours, to_published

LEAVES = {
    ("params", "kernel"): "weight",
    ("params", "scale"): "weight",
    ("params", "bias"): "bias",
    ("batch_stats", "mean"): "running_mean",
    ("batch_stats", "var"): "running_var",
    ("spectral", "u"): "weight_u",
    ("spectral", "v"): "weight_v",
}


def leaf_of(path: Path, layer: str, *, spectral: bool = False) -> str:
    """The published name of a leaf, path (collection, ..., leaf), of a layer; a normalised weight is weight_orig."""
    leaf = LEAVES[path[0], path[-1]]
    return f"{layer}.{leaf}_orig" if spectral and leaf == "weight" else f"{layer}.{leaf}"


def known(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without PyTorch's counters of batches, which nothing here needs."""
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


def spectral_layout(shapes: dict[str, tuple[int, ...]]) -> Layout:
    """Right singular vectors run over (in, height, width) in published files and over (height, width, in) here.

    `shapes`: published shapes of the weights (out, in, ...) by layer.
    """

    def ours(name: str, value: np.ndarray, rank: int) -> np.ndarray:
        if name.endswith(".weight_v"):
            return moved(value, shapes[name.removesuffix(".weight_v")][1:], 0, -1)
        return to_ours(name, value, rank)

    def published(name: str, value: np.ndarray) -> np.ndarray:
        if name.endswith(".weight_v"):
            inner = shapes[name.removesuffix(".weight_v")][1:]
            return moved(value, (*inner[1:], inner[0]), -1, 0)
        return to_published(name, value)

    return Layout(ours, published)


def moved(value: np.ndarray, shape: tuple[int, ...], source: int, destination: int) -> np.ndarray:
    """A flat vector of `shape` with an axis moved."""
    return np.moveaxis(value.reshape(shape), source, destination).ravel()


def layers(state: dict[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    """Shapes of the normalised weights by layer."""
    end = ".weight_orig"
    return {name.removesuffix(end): value.shape for name, value in state.items() if name.endswith(end)}
