"""Published checkpoints of NCSN (ermongroup/ncsn): its RefineNet, both ways."""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.trees import Layout, Path, State, channels_of, fill, stripped, to_ours, to_published, unfill
from dgan_jax.nets.refinenet import RefineNet

PLACES = (
    (r"(res\d)_(\d)_(normalize\d|conv\d|shortcut)", r"\1.\2.\3"),
    (r"(refine\d)_adapt(\d)_(\d)_(\d)_(norm|conv)", r"\1.adapt_convs.\2.\3_\4_\5"),
    (r"(refine\d)_output_(\d)_(\d)_(norm|conv)", r"\1.output_convs.\2_\3_\4"),
    (r"(refine\d)_fuse(\d)_norm", r"\1.msf.norms.\2"),
    (r"(refine\d)_fuse(\d)", r"\1.msf.convs.\2"),
    (r"(refine\d)_pool(\d)_norm", r"\1.crp.norms.\2"),
    (r"(refine\d)_pool(\d)", r"\1.crp.convs.\2"),
)
"""Our submodules and their published places."""
SIGNS = (r"res\d\.\d\..+", r"refine\d\.(adapt_convs|output_convs|msf|crp)\..+", r"(begin_conv|end_conv|normalizer)\..+")
TABLES = re.compile(r".+\.embed\.weight")
LAYOUT = Layout(
    lambda name, value, rank: value if TABLES.fullmatch(name) else to_ours(name, value, rank),
    lambda name, value: value if TABLES.fullmatch(name) else to_published(name, value),
)


def name_of(path: Path) -> str:
    """The published name of one of our leaves."""
    head, *inner = path
    base = head
    for ours, theirs in PLACES:
        if re.fullmatch(ours, head):
            base = re.sub(ours, theirs, head)
            break
    if base in ("res2.0.conv2", "res2.0.shortcut"):
        base += ".conv"  # the block that halves holds its convolutions in a layer of two parts
    if inner[0] == "embed":
        return f"{base}.embed.weight"
    return f"{base}.{'bias' if inner[0] == 'bias' else 'weight'}"


def network_params(module: RefineNet, state: State) -> dict[str, Any]:
    """Our parameters from a published network."""
    state = stripped(state)
    channels = channels_of(state, "begin_conv.weight", "RefineNet")
    x, level = jnp.zeros((1, 2, 2, channels)), jnp.zeros(1, jnp.int32)
    shapes = jax.eval_shape(module.init, jax.random.key(0), x, level)["params"]
    return fill(shapes, state, name_of, LAYOUT)


def network_state(params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters."""
    return unfill(params, name_of, LAYOUT)


def network_arguments(args: Mapping[str, Any], levels: int) -> dict[str, Any]:
    """Our constructor's arguments from a fixture's: ngf, size, ch. Its images are in [0, 1]."""
    if surplus := sorted(args.keys() - {"ngf", "size", "ch"}):
        raise ValueError(f"a RefineNet has no option {surplus[0]!r}; known: ngf, size, ch")
    return {"features": args["ngf"], "levels": levels, "centred": False}


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file: there is one network."""
    return {"denoiser": {"params": network_params(modules["denoiser"], state)}}
