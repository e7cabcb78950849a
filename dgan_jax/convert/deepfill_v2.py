"""Name rules between DeepFill v2's published PyTorch checkpoints and ours, in both directions.

The parity tests load their weights by these rules, so passing parity is the proof that checkpoints load. Files of the
original TensorFlow code are not read; its PyTorch port publishes the same weights under these names.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.gan_names import layers, leaf_of, spectral_layout
from dgan_jax.convert.trees import Path, State, channels_of, fill, stripped, unfill
from dgan_jax.core.experiment import Experiment
from dgan_jax.nets.deepfill import Critic, Generator

SUFFIXES = {
    **dict.fromkeys((2, 4), "_downsample"),
    **dict.fromkeys((7, 8, 9, 10), "_atrous"),
    **dict.fromkeys((13, 15), "_upsample.conv"),
}
FUSING = "contextual_attention.fuse_weight"
"""The identity that scores are smoothed with, which a file may hold as if it were learnt."""


def generator_name(path: Path) -> str:
    """path: (collection, branch and number, leaf)."""
    match = re.fullmatch(r"([a-z]*)(\d+)", path[1])
    assert match is not None
    branch, number = match[1], int(match[2])
    # The branch with attention has no dilated layers.
    suffix = "" if branch == "pm" and number > 6 else SUFFIXES.get(number, "")
    return leaf_of(path, f"{branch}conv{number}{suffix}.conv")


def critic_name(path: Path) -> str:
    """path: (collection, conv_0, leaf)."""
    return leaf_of(path, f"conv{int(path[1].removeprefix('conv_')) + 1}.conv_sn", spectral=True)


def generator_variables(module: Generator, state: State) -> dict[str, Any]:
    """Our generator's variables from a published state dictionary."""
    state = {name: value for name, value in stripped(state).items() if name != FUSING}
    channels = channels_of(state, "conv1.conv.weight", "DeepFill v2 generator")
    inputs = jnp.zeros((1, 8, 8, channels)), jnp.zeros((1, 8, 8, 1))
    return fill(dict(jax.eval_shape(module.init, jax.random.key(0), *inputs)), state, generator_name)


def critic_variables(module: Critic, state: State) -> dict[str, Any]:
    """Our critic's variables from a published state dictionary."""
    state = stripped(state)
    channels = channels_of(state, "conv1.conv_sn.weight_orig", "DeepFill v2 critic")
    shapes = dict(jax.eval_shape(module.init, jax.random.key(0), jnp.zeros((1, 64, 64, channels))))
    return fill(shapes, state, critic_name, spectral_layout(layers(state)))


def generator_state(variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our generator's variables."""
    return unfill(variables, generator_name)


def critic_state(variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our critic's variables."""
    plain = unfill({"params": variables["params"]}, critic_name)
    return unfill(variables, critic_name, spectral_layout(layers(plain)))


def generator_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from those of the port's `Generator`, which leaves the fusing out."""
    if beside := sorted(set(args) - {"cnum_in", "cnum_out", "cnum"}):
        raise ValueError(f"the published generator has {', '.join(beside)}, which this network has no counterpart of")
    return {"width": args.get("cnum", 48), "channels": args.get("cnum_out", 3), "fuse": False}


def adapted(experiment: Experiment, shapes: Mapping[str, tuple[int, ...]]) -> Experiment:
    """A config of DeepFill v2 with the sizes that the shapes of a file's tensors tell."""
    if "conv1.conv_sn.weight_orig" in shapes:
        layers = sum(name.endswith(".conv_sn.weight_orig") for name in shapes)
        sizes = {"critic_width": shapes["conv1.conv_sn.weight_orig"][0], "critic_layers": layers}
        return dataclasses.replace(experiment, system=dataclasses.replace(experiment.system, **sizes))
    return dataclasses.replace(
        experiment, system=dataclasses.replace(experiment.system, width=shapes["conv1.conv.weight"][0]),
        data=dataclasses.replace(experiment.data, channels=shapes["conv17.conv.weight"][0]),
    )  # fmt: skip


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file: the generator, the critic, or both under "G." and "D."."""
    state = stripped(state)
    of = lambda start: {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
    drawing, judging = of("G."), of("D.")
    if "conv1.conv_sn.weight_orig" in state:
        judging = state
    elif not drawing and not judging:
        drawing = state
    found = {}
    if drawing:
        found["generator"] = generator_variables(modules["generator"], drawing)
    if judging:
        found["critic"] = critic_variables(modules["critic"], judging)
    return found


SIGNS = (
    r"([GD]\.)?[a-z]*conv\d+(_downsample|_atrous|_upsample\.conv)?\.(conv|conv_sn)\.\w+", re.escape(FUSING),
)  # fmt: skip
