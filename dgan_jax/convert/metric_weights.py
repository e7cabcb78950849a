"""Name rules between the published files of judging networks and our parameter trees, in both directions.

Three layouts are known: torchvision's (also of the Inception file), LPIPS's, whose trunks come in slices, and BasicSR's
VGG, whose layers have names. Each is brought to torchvision's names first.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path as File
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import linen as nn

from dgan_jax.convert.torch_file import read_torch, state_dict
from dgan_jax.convert.trees import Path, State, fill, unfill
from dgan_jax.core.names import lookup
from dgan_jax.data.safetensors_file import write_weights
from dgan_jax.nets.alexnet import AlexNet
from dgan_jax.nets.inception_v3 import InceptionV3
from dgan_jax.nets.lpips import LPIPS
from dgan_jax.nets.resnet_dilated import ResNetDilated
from dgan_jax.nets.vgg import VGG, layer_names
from dgan_jax.pretrained import NETWORKS

LEAVES = {
    **{"kernel": "weight", "scale": "weight", "bias": "bias"},
    **{"mean": "running_mean", "variance": "running_var"},
}
ALEXNET = {"conv1": 0, "conv2": 3, "conv3": 6, "conv4": 8, "conv5": 10}
SQUEEZENET = {"conv1": 0, "fire2": 3, "fire3": 4, "fire4": 6, "fire5": 7, **{f"fire{n}": n + 3 for n in (6, 7, 8, 9)}}
SKIP = {"skip": "downsample.0", "skip_bn": "downsample.1"}
HEADS = {"fc1": "classifier.0", "fc2": "classifier.3"}
LPIPS_HEAD = re.compile(r"lins?\.?(\d+)\.model\.1\.weight")
# Counters, the classifier, auxiliary tables: known, and of no use to a judge.
BESIDE = re.compile(r".*\.num_batches_tracked|classifier\..*|lins?\.?\d+\.model\.1\.weight|scaling_layer\..*|mean|std")


def layer_name(network: nn.Module, layer: str) -> str:
    """torchvision's name of a layer at the top of our network."""
    if isinstance(network, InceptionV3):
        return layer
    if isinstance(network, ResNetDilated):
        return layer.replace("_", ".")
    if isinstance(network, VGG):
        return HEADS[layer] if layer in HEADS else f"features.{layer_names(network.depth, network.norm).index(layer)}"
    return f"features.{(ALEXNET if isinstance(network, AlexNet) else SQUEEZENET)[layer]}"


def published_name(network: nn.Module, path: Path) -> str:
    """The published name of one of our leaves."""
    top, *inner, leaf = path
    return ".".join([layer_name(network, top), *(SKIP.get(name, name) for name in inner), LEAVES[leaf]])


def torchvision_name(network: nn.Module, name: str) -> str:
    """A name of LPIPS or BasicSR as torchvision has it; others as they are."""
    name = re.sub(r"^net\.slice\d+\.", "features.", name.removeprefix("vgg."))
    if isinstance(network, VGG) and (match := re.fullmatch(r"vgg_net\.(\w+)\.(\w+)", name)):
        layers = layer_names(network.depth, network.norm)
        return f"features.{layers.index(match[1])}.{match[2]}" if match[1] in layers else name
    return name


def wanted_part(network: nn.Module, shapes: Any, state: State) -> dict[str, np.ndarray]:
    """The tensors by torchvision's names, without known ones that the network does not use.

    A tensor that nobody knows stays, for `fill` to complain.
    """
    wanted = set(names_of(network, shapes))
    named = {torchvision_name(network, name): value for name, value in state.items()}
    return {name: value for name, value in named.items() if name in wanted or not BESIDE.fullmatch(name)}


def names_of(network: nn.Module, shapes: Any) -> list[str]:
    keys = (tuple(key.key for key in path) for path, _ in jax.tree_util.tree_leaves_with_path(shapes))
    return [published_name(network, path) for path in keys]


def params(network: nn.Module, shapes: Any, state: State) -> dict[str, Any]:
    """Our tree from a published state dictionary; a tensor too few, too many or of another shape is a ValueError."""
    return fill(shapes, wanted_part(network, shapes, state), lambda path: published_name(network, path))


def state(network: nn.Module, tree: Any) -> dict[str, np.ndarray]:
    """torchvision's names and layouts of our parameters."""
    return unfill(tree, lambda path: published_name(network, path))


def lpips_heads(state: State) -> dict[str, np.ndarray]:
    """The linear heads of LPIPS, [C] each, from its state dictionary or from the file of the heads alone."""
    found = {match[1]: value for name, value in state.items() if (match := LPIPS_HEAD.fullmatch(name))}
    return {f"lin{number}": np.asarray(value, np.float32).reshape(-1) for number, value in found.items()}


def lpips_params(network: LPIPS, shapes: Any, state: State) -> dict[str, Any]:
    """Of `nets.lpips.LPIPS` from its published state dictionary."""
    trunk = params(network.trunk, shapes["trunk"], state)
    return {"trunk": trunk, **lpips_heads(state)} if network.learned else {"trunk": trunk}


class Converted(NamedTuple):
    """What was written, from a file of which SHA-256, and whether that is a published one's."""

    path: File
    source_sha256: str
    published: bool
    parameters: int


def convert(file: str | File, name: str, folder: str | File) -> Converted:
    """A published file as FOLDER/NAME.safetensors, which the metrics read; nothing in the file is executed."""
    published, file, folder = lookup("network", name, NETWORKS), File(file), File(folder)
    source: Mapping[str, np.ndarray] = state_dict(read_torch(file))
    tree = params(published.network, published.shapes(), source)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {folder}: {error.strerror or error}") from None
    path = folder / f"{name}.safetensors"
    write_weights(path, tree, config={"network": name, "source": file.name, "source_sha256": digest})
    count = sum(leaf.size for leaf in jax.tree.leaves(tree))
    return Converted(path, digest, published.has_file(digest), count)
