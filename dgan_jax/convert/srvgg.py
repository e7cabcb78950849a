"""Name rules between published SRVGGNetCompacts (Real-ESRGAN's small models) and our parameters, in both directions.

All layers stand in one numbered list, `body`: convolutions at even places, what follows them at odd ones.
"""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.recognition import Shapes, data_for, task_for, words_for
from dgan_jax.convert.trees import Path, State, channels_of, fill, stripped, unfill
from dgan_jax.core.experiment import Experiment
from dgan_jax.nets.srvgg import SRVGGNet
from dgan_jax.systems.gan import srvgg

LEAVES = {"kernel": "weight", "bias": "bias", "slope": "weight"}


def name(module: SRVGGNet, path: Path) -> str:
    """The published name of one of our leaves."""
    layer, leaf = path
    kind, _, number = layer.partition("_")
    place = 2 * (module.layers + 1) if layer == "out" else 2 * int(number) + (kind == "slope")
    return f"body.{place}.{LEAVES[leaf]}"


def generator_variables(module: SRVGGNet, state: State) -> dict[str, Any]:
    """Our variables from a published file."""
    state = stripped(state)
    channels = channels_of(state, "body.0.weight", "SRVGGNetCompact")
    params = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 4, 4, channels)))["params"]
    return {"params": fill(params, state, lambda path: name(module, path))}


def generator_state(module: SRVGGNet, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our parameters."""
    return unfill(params, lambda path: name(module, path))


def arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Our constructor's arguments from the shapes of a file's tensors."""
    last = max(int(name.split(".")[1]) for name in shapes)
    features, channels = shapes["body.0.weight"][:2]
    scale = math.isqrt(shapes[f"body.{last}.weight"][0] // channels)
    if scale**2 * channels != shapes[f"body.{last}.weight"][0]:
        raise ValueError(
            f"its last convolution gives {shapes[f'body.{last}.weight'][0]} channels, which is no square of a factor "
            f"times the {channels} that its first one sees"
        )
    if "body.1.weight" not in shapes:
        raise ValueError(
            "its activations have no weights, and whether they are relu or leakyrelu no file tells; give --config, a "
            "Python file whose srvgg.Config says activation='relu' or 'leakyrelu'"
        )
    return {"features": features, "layers": last // 2 - 1, "scale": scale, "out_channels": channels}


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file, which holds one network."""
    return {"generator": generator_variables(modules["generator"], state)}


SIGNS = (r"body\.\d+\.(weight|bias)",)


def described(shapes: Shapes, task: str | None) -> tuple[Experiment, str]:
    """What the shapes of a file's tensors tell of its network."""
    given = arguments(shapes)
    own = {name: given[name] for name in ("features", "layers")}
    wanted = task_for(given["scale"], task)
    words = f"SRVGGNetCompact: {words_for(given['scale'], wanted)}, " + "{layers} layers of {features} features, prelu"
    experiment = Experiment(system=srvgg.Config(**own), task=wanted, data=data_for(given["out_channels"]))
    return experiment, words.format(**own)
