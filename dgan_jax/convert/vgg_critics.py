"""Name rules between the published critics of adversarial enlarging, RankSRGAN's ranker too, and our variables.

BasicSR (128 and 256), Simple-SR (192) and RankSRGAN (296) give their layers the same names.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.gan_names import known, leaf_of
from dgan_jax.convert.trees import Path, State, channels_of, fill, stripped, unfill
from dgan_jax.nets.vgg_critic import Ranker, VGGCritic

DENSE = {VGGCritic: {"dense": "linear1", "out": "linear2"}, Ranker: {"dense": "classifier.0", "out": "classifier.2"}}


def name(module: VGGCritic | Ranker, path: Path) -> str:
    """path: (collection, layer, leaf), or (collection, pairs, layer, leaf)."""
    layer = path[-2]
    if layer in DENSE[type(module)]:
        return leaf_of(path, DENSE[type(module)][layer])
    kind, _, place = layer.partition("_")
    return leaf_of(path, f"{'conv' if kind == 'conv' else 'bn'}{place}")


def variables(module: VGGCritic | Ranker, state: State, side: int) -> dict[str, Any]:
    """Our variables from a published file, for images of `side` x `side`."""
    state = known(stripped(state))
    channels = channels_of(state, "conv0_0.weight", "critic of enlarging")
    shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, side, side, channels)))
    return fill(shapes, state, lambda path: name(module, path))


def state(module: VGGCritic | Ranker, ours: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our variables."""
    return unfill(ours, lambda path: name(module, path))


def is_critic(state: State) -> bool:
    """Whether a file holds one of these."""
    return "conv0_0.weight" in stripped(state)


def side_of(module: VGGCritic, state: State) -> int:
    """The least side of images whose features have the length that the file's first dense layer takes."""
    length, width = stripped(state)["linear1.weight"].shape[1], module.features * min(8, 2 ** (module.stages - 1))
    return 2**module.stages * round((length / width) ** 0.5)


def arguments(args: Mapping[str, Any], cls: str) -> dict[str, Any]:
    """Our constructor's arguments from those of a published class, which is told its size or ends its name with it."""
    known_args = {"num_in_ch", "num_feat", "input_size", "in_nc", "in_chl", "nf", "base_nf"}
    if foreign := args.keys() - known_args:
        raise ValueError(
            f"these critics have no argument {min(foreign)!r} here; known: {', '.join(sorted(known_args))}"
        )
    size = int(cls.rpartition("_")[2]) if "_" in cls else args.get("input_size", 128)
    stages = {128: 5, 192: 6, 256: 6, 296: 5}[size]
    features = next((args[name] for name in ("num_feat", "nf", "base_nf") if name in args), 64)
    return {"features": features, "stages": stages}


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """The critic's variables from a file of it."""
    if "critic" not in modules:
        raise ValueError("the file holds a critic, and the config's system has none; give that of an adversarial one")
    critic = modules["critic"]
    return {"critic": variables(critic, state, side_of(critic, state))}


SIGNS = (r"(conv|bn)\d_\d\.\w+", r"linear[12]\.(weight|bias)")
