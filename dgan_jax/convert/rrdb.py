"""Name rules between published RRDBNets and our parameters: BasicSR's names, ESRGAN's, and those before ESRGAN's.

The parity tests load their weights by these rules, so passing parity is the proof that checkpoints load.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.recognition import Shapes, data_for, task_for, words_for
from dgan_jax.convert.trees import Path, State, channels_of, fill, stripped, unfill
from dgan_jax.core.experiment import Experiment
from dgan_jax.nets.rrdb import RRDBNet
from dgan_jax.systems.gan import rrdb

PARTS = {"head": "conv_first", "trunk": "conv_body", "fuse": "conv_hr", "out": "conv_last"}
LEAVES = {"kernel": "weight", "bias": "bias"}
ESRGAN = (
    (r"RRDB_trunk\.(\d+)\.RDB(\d)\.conv(\d)\.", r"body.\1.rdb\2.conv\3."),
    (r"trunk_conv\.", "conv_body."),
    (r"upconv(\d+)\.", r"conv_up\1."),
    (r"HRconv\.", "conv_hr."),
)
"""Names of ESRGAN's own code, and what BasicSR calls them."""
NUMBERED = re.compile(r"model\.(\d+)\.(weight|bias)")
"""In the oldest files what is no block has a number, activations and enlargements counted too."""


def name(path: Path) -> str:
    """BasicSR's name of one of our leaves."""
    head, *inner, leaf = path
    kind, _, number = head.partition("_")
    if kind == "block":
        dense, conv = (int(part.rpartition("_")[2]) + 1 for part in inner)
        return f"body.{number}.rdb{dense}.conv{conv}.{LEAVES[leaf]}"
    return f"{f'conv_up{int(number) + 1}' if kind == 'up' else PARTS[head]}.{LEAVES[leaf]}"


def modern(state: State) -> dict[str, Any]:
    """Tensors (or their shapes) by BasicSR's names, whichever of the three namings they have."""
    if any(name.startswith("model.1.sub.") for name in state):
        return from_numbers(state)
    found = {}
    for name, value in state.items():
        for old, new in ESRGAN:
            name = re.sub(f"^{old}", new, name)
        found[name] = value
    return found


def from_numbers(state: State) -> dict[str, Any]:
    """BasicSR's names of the oldest files' tensors."""
    numbers = {int(match[1]) for match in map(NUMBERED.fullmatch, state) if match}
    *ups, fuse, out = sorted(numbers - {0})
    layers = {0: "conv_first", fuse: "conv_hr", out: "conv_last"}
    layers |= {number: f"conv_up{i + 1}" for i, number in enumerate(ups)}
    found = {}
    for name, value in state.items():
        if match := NUMBERED.fullmatch(name):
            name = f"{layers[int(match[1])]}.{match[2]}"
        elif match := re.fullmatch(r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.(\w+)", name):
            name = "body.{}.rdb{}.conv{}.{}".format(*match.groups())
        elif match := re.fullmatch(r"model\.1\.sub\.\d+\.(weight|bias)", name):
            name = f"conv_body.{match[1]}"
        found[name] = value
    return found


def generator_variables(module: RRDBNet, state: State) -> dict[str, Any]:
    """Our variables from a published file in any of the namings; channels of the input are read off it."""
    state = modern(stripped(state))
    channels = channels_of(state, "conv_first.weight", "RRDBNet", fold=module.fold)
    x = jnp.zeros((1, module.fold, module.fold, channels))
    params = jax.eval_shape(module.init, jax.random.key(0), x)["params"]
    return {"params": fill(params, state, name)}


def generator_state(params: Any) -> dict[str, np.ndarray]:
    """BasicSR's names and layouts of our parameters."""
    return unfill(params, name)


def arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Our constructor's arguments from the shapes of a file's tensors, by BasicSR's names."""
    blocks = {int(match[1]) for match in (re.match(r"body\.(\d+)\.rdb", name) for name in shapes) if match}
    ups = sum(bool(re.fullmatch(r"conv_up\d+\.weight", name)) for name in shapes)
    features, seen = shapes["conv_first.weight"][:2]
    out = shapes["conv_last.weight"][0]
    fold = math.isqrt(seen // out)
    if seen != fold**2 * out or fold & (fold - 1):
        raise ValueError(f"its first convolution sees {seen} channels, its last one gives {out}: no fold of pixels")
    return {
        "features": features, "blocks": 1 + max(blocks, default=-1), "growth": shapes["body.0.rdb1.conv1.weight"][0],
        "fold": fold, "doublings": ups, "out_channels": out,
    }  # fmt: skip


def published_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from those of the published class, BasicSR's or ESRGAN's."""
    known = {"num_in_ch": 3, "num_out_ch": 3, "scale": 4, "num_feat": 64, "num_block": 23, "num_grow_ch": 32}
    old = {"in_nc": "num_in_ch", "out_nc": "num_out_ch", "nf": "num_feat", "nb": "num_block", "gc": "num_grow_ch"}
    given = {old.get(name, name): value for name, value in args.items()}
    if foreign := given.keys() - known.keys():
        raise ValueError(f"RRDBNet has no argument {min(foreign)!r} here; known: {', '.join(known)}")
    given = {**known, **given}
    fold = {1: 4, 2: 2}.get(given["scale"], 1)  # every other scale is built as x4 is
    return {
        "features": given["num_feat"], "blocks": given["num_block"], "growth": given["num_grow_ch"], "fold": fold,
        "out_channels": given["num_out_ch"],
    }  # fmt: skip


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file, which holds one network."""
    return {"generator": generator_variables(modules["generator"], state)}


SIGNS = (
    r"(conv_first|conv_body|conv_up\d+|conv_hr|conv_last|trunk_conv|upconv\d+|HRconv)\.(weight|bias)",
    r"body\.\d+\.rdb\d\.conv\d\.(weight|bias)", r"RRDB_trunk\.\d+\.RDB\d\.conv\d\.(weight|bias)",
    r"model\.\d+\.(weight|bias)", r"model\.1\.sub\.\d+\.(RDB\d\.conv\d\.0\.)?(weight|bias)",
)  # fmt: skip


def described(shapes: Shapes, task: str | None) -> tuple[Experiment, str]:
    """What the shapes of a file's tensors tell of its network, in any of the namings."""
    given = arguments(modern(shapes))  # type: ignore[arg-type]
    scale, rest = divmod(2 ** given["doublings"], given["fold"])
    if rest or not scale:
        raise ValueError(f"it folds {given['fold']} pixels and doubles {given['doublings']} times, which shrinks")
    own = {name: given[name] for name in ("features", "blocks", "growth", "fold")}
    wanted = task_for(scale, task)
    words = f"RRDBNet (ESRGAN): {words_for(scale, wanted)}, " + "{blocks} blocks, {features} features, growth {growth}"
    experiment = Experiment(system=rrdb.Config(**own), task=wanted, data=data_for(given["out_channels"]))
    return experiment, words.format(**own)
