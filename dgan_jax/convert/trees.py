"""Published state dictionaries and our parameter trees: layouts, and one tree from the other by a rule for names."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

Path = tuple[str, ...]
State = Mapping[str, np.ndarray]


def leaf_of(layer: str, leaf: str) -> str:
    """Names of a layer's tensors: NIN layers have W and b, all others weight and bias."""
    if layer.rpartition(".")[2].startswith("NIN"):
        return f"{layer}.{'W' if leaf == 'kernel' else 'b'}"
    return f"{layer}.{'bias' if leaf == 'bias' else 'weight'}"


def to_ours(name: str, value: np.ndarray, rank: int) -> np.ndarray:
    """A published tensor in our layout: convolutions HWIO, dense kernels (in, out)."""
    if value.ndim == 4:
        return value.transpose(2, 3, 1, 0)
    if name.split(".")[-1] == "W":  # is (in, out) already; the skip of a ddpm block is a 1x1 convolution here
        return value[None, None] if rank == 4 else value
    return value.T


def to_published(name: str, value: np.ndarray) -> np.ndarray:
    """The inverse of `to_ours`."""
    if name.split(".")[-1] == "W":
        return value[0, 0] if value.ndim == 4 else value
    return value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T


def flat(tree: Any) -> dict[Path, Any]:
    """Leaves by path."""
    return {tuple(key.key for key in path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def stripped(state: State) -> dict[str, np.ndarray]:
    """Names without what DistributedDataParallel puts in front of them."""
    return {name.removeprefix("module."): np.asarray(value) for name, value in state.items()}


class Layout(NamedTuple):
    """How one published tensor becomes ours, (name, value, rank of ours), and back, (name, value)."""

    ours: Callable[[str, np.ndarray, int], np.ndarray] = to_ours
    published: Callable[[str, np.ndarray], np.ndarray] = to_published


LAYOUT = Layout()


def fill(shapes: Any, state: State, rename: Callable[[Path], str], layout: Layout = LAYOUT) -> dict[str, Any]:
    """Our tree from a published one. A tensor too few, too many or of another shape is a ValueError."""
    state = stripped(state)
    wanted = {path: (rename(path), leaf.shape) for path, leaf in flat(shapes).items()}
    missing = [name for name, _ in wanted.values() if name not in state]
    surplus = sorted(set(state) - {name for name, _ in wanted.values()})
    for kind, names in (("lacks", missing), ("has also", surplus)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise ValueError(f"the checkpoint {kind} {', '.join(names[:3])}{more}; is it of the config's network?")
    tree: dict[str, Any] = {}
    for path, (name, shape) in wanted.items():
        value = layout.ours(name, state[name], len(shape))
        if value.shape != shape:
            theirs, ours = state[name].shape, layout.published(name, np.empty(shape)).shape
            raise ValueError(
                f"the checkpoint's {name} is {theirs}, the config's network has {ours}; compare their widths"
            )
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = np.array(value, np.float32)
    return tree


def unfill(params: Any, rename: Callable[[Path], str], layout: Layout = LAYOUT) -> dict[str, np.ndarray]:
    """The inverse of `fill`: published names and layouts of our parameters."""
    named = {rename(path): np.asarray(leaf) for path, leaf in flat(params).items()}
    return {name: layout.published(name, leaf) for name, leaf in named.items()}


def tensor(state: State, name: str, rank: int, what: str) -> np.ndarray:
    """The tensor that tells the number of inputs; `what` the checkpoint should be of, for the error."""
    if name not in state or state[name].ndim != rank:
        raise ValueError(f"the checkpoint has no {name} of {rank} dimensions; is it that of a {what}?")
    return state[name]


def channels_of(state: State, name: str, what: str, *, fold: int = 1) -> int:
    """Channels of the images that the convolution `name` of a checkpoint takes, `fold` x `fold` pixels folded into
    each place."""
    channels = tensor(state, name, 4, what).shape[1]
    if channels % fold**2:
        raise ValueError(
            f"the checkpoint's {name} takes {channels} channels, wanted a multiple of {fold**2}, since the config "
            f"folds {fold}x{fold} pixels into one; give the config of the checkpoint's scale"
        )
    return channels // fold**2
