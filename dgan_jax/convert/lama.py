"""Name rules between the published LaMa checkpoints ("big-lama", "lama-fourier") and ours, in both directions.

The parity tests load their weights by these rules, so passing parity is the proof that checkpoints load.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert import diffir
from dgan_jax.convert.gan_names import known, leaf_of
from dgan_jax.convert.trees import Path, State, channels_of, fill, stripped, unfill
from dgan_jax.core.experiment import Experiment
from dgan_jax.nets.lama import FFC, Generator
from dgan_jax.nets.pix2pixhd_critic import PatchCritic

CONVOLUTION = {"ll": "ffc.convl2l", "lg": "ffc.convl2g", "gl": "ffc.convg2l", "gate": "ffc.gate"}
NORMS = {"norm_l": "bn_l", "norm_g": "bn_g"}
TRANSFORM = {
    ("in",): "conv1.0",
    ("in_norm",): "conv1.1",
    ("unit", "conv"): "fu.conv_layer",
    ("unit", "norm"): "fu.bn",
    ("local_unit", "conv"): "lfu.conv_layer",
    ("local_unit", "norm"): "lfu.bn",
    ("out",): "conv2",
}
SERVED = {"add_out_act", "init_conv_kwargs", "downsample_conv_kwargs", "resnet_conv_kwargs", "max_features"}
COUNTS = {"input_nc", "output_nc", "ngf", "n_downsampling", "n_blocks"}


def convolution_name(layer: Path) -> str:
    """The published name of a layer of an FFC with its norm; layer: the path inside of it."""
    head, *inner = layer
    if head == "gg":
        return f"ffc.convg2g.{TRANSFORM[tuple(inner)]}"
    return NORMS[head] if head in NORMS else CONVOLUTION[head]


def generator_name(module: Generator, path: Path) -> str:
    """The published name of a leaf: layers of the whole network are counted through. path: (collection, ..., leaf)."""
    head, *inner = path[1:-1]
    behind = 3 + module.levels + module.blocks  # the parts are joined in front of it
    kind, _, number = head.rpartition("_")
    if kind in ("up", "up_norm"):
        return leaf_of(path, f"model.{behind + 3 * (module.levels - 1 - int(number)) + (kind == 'up_norm')}")
    if head == "out":
        return leaf_of(path, f"model.{behind + 3 * module.levels + 1}")
    if kind == "block":
        return leaf_of(path, f"model.{2 + module.levels + int(number)}.{inner[0]}.{convolution_name(tuple(inner[1:]))}")
    place = 1 if head == "stem" else 2 + int(number)
    return leaf_of(path, f"model.{place}.{convolution_name(tuple(inner))}")


def generator_variables(module: Generator, state: State) -> dict[str, Any]:
    """Our generator's variables from a published state dictionary; channels of the input are read off it."""
    state = part_of(state, "generator")
    first = "model.1.ffc.convl2l.weight"
    side = 2 ** (module.levels + 3)
    x = jnp.zeros((1, side, side, channels_of(state, first, "LaMa generator")))
    shapes = dict(jax.eval_shape(module.init, jax.random.key(0), x))
    return fill(shapes, state, lambda path: generator_name(module, path))


def generator_state(module: Generator, variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our generator's variables."""
    return unfill(variables, lambda path: generator_name(module, path))


def block_variables(module: FFC, state: State, channels: int) -> dict[str, Any]:
    """Of one fast Fourier convolution with its norms, the published `FFC_BN_ACT` of so many input channels."""
    far = int(channels * module.ratio_in)
    maps = tuple(jnp.zeros((1, 8, 8, width)) if width else None for width in (channels - far, far))
    shapes = dict(jax.eval_shape(module.init, jax.random.key(0), maps))
    return fill(shapes, known(stripped(state)), lambda path: leaf_of(path, convolution_name(path[1:-1])))


def critic_variables(module: PatchCritic, state: State) -> dict[str, Any]:
    """Our critic's variables from a published state dictionary."""
    return diffir.critic_variables(module, part_of(state, "discriminator"))


def critic_state(module: PatchCritic, variables: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our critic's variables."""
    return diffir.critic_state(module, variables)


def part_of(state: State, network: str) -> dict[str, np.ndarray]:
    """The tensors of one network of a saved trainer, or all of a file that holds one network."""
    state = known(stripped(state))
    if not any(name.startswith(f"{network}.") for name in state):
        return state
    start = f"{network}."
    return {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}


def refuse(what: str, given: Mapping[str, Any], served: set[str]) -> None:
    """A ValueError where a published class was given an argument that ours has no counterpart of."""
    if beside := sorted(set(given) - served):
        raise ValueError(f"{what} has {', '.join(beside)}, which this network has no counterpart of")


def layer_options(what: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Our options of an FFC from the published keyword arguments, ratios left aside."""
    refuse(what, given, {"ratio_gin", "ratio_gout", "enable_lfu", "gated", "padding_type"})
    if given.get("padding_type", "reflect") != "reflect":
        raise ValueError(f"{what} pads by {given['padding_type']!r}; this network reflects")
    return {"gated": given.get("gated", False), "quarters": given.get("enable_lfu", True)}


def generator_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from those of the published `FFCResNetGenerator`."""
    refuse("the published generator", args, COUNTS | SERVED)
    init, down, blocks = (args.get(f"{name}_conv_kwargs", {}) for name in ("init", "downsample", "resnet"))
    early = {part.get(name, 0) for part, name in ((init, "ratio_gout"), (down, "ratio_gin"), (down, "ratio_gout"))}
    early_options = [layer_options("a layer before the blocks", part) for part in (init, down)]
    late, act = layer_options("a residual block", blocks), args.get("add_out_act", True)
    ratio = blocks.get("ratio_gin", 0)
    if len(early) > 1 or init.get("ratio_gin", 0) or blocks.get("ratio_gout", 0) != ratio:
        raise ValueError("layers before the blocks share one global ratio here, and so do the blocks")
    if early != {0} and (early_options[1] != late or early_options[0]["gated"]):
        raise ValueError("the options of Fourier units before the blocks are those of the blocks here")
    return {
        "channels": args["output_nc"],
        "features": args.get("ngf", 64),
        "levels": args.get("n_downsampling", 3),
        "blocks": args.get("n_blocks", 9),
        "ratio": ratio,
        "early_ratio": early.pop(),
        "most": args.get("max_features", 1024),
        "output": {True: "tanh", False: "none"}.get(act, act) if isinstance(act, bool) else act,
        **late,
    }


def block_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from those of the published `FFC_BN_ACT`."""
    sizes = {"in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "bias"}
    ways = {"ratio_gin", "ratio_gout", "enable_lfu", "gated", "padding_type"}
    refuse("the published block", args, sizes | ways | {"activation", "norm", "groups"})
    if args.get("norm", "batch") != "batch" or args.get("groups", 1) != 1:
        raise ValueError("this block normalises by the batch and convolves all channels together")
    return {
        "features": args["out_channels"],
        "ratio_in": args["ratio_gin"],
        "ratio_out": args["ratio_gout"],
        "size": args["kernel_size"],
        "stride": args.get("stride", 1),
        "padding": args.get("padding", 0),
        "dilation": args.get("dilation", 1),
        "bias": args.get("bias", False),
        "activation": {"identity": "none"}.get(args.get("activation", "identity"), args.get("activation")),
        **layer_options("the published block", {name: args[name] for name in ways & set(args)}),
    }


def critic_arguments(args: Mapping[str, Any]) -> dict[str, Any]:
    """Our constructor's arguments from those of the published `NLayerDiscriminator`."""
    refuse("the published critic", args, {"input_nc", "ndf", "n_layers"})
    return {"features": args.get("ndf", 64), "layers": args.get("n_layers", 3)}


def adapted(experiment: Experiment, shapes: Mapping[str, tuple[int, ...]]) -> Experiment:
    """A config of LaMa with the sizes that the shapes of a file's tensors tell."""
    own = {name.removeprefix("generator."): shape for name, shape in shapes.items()}
    count = lambda pattern: sum(bool(re.fullmatch(pattern, name)) for name in own)
    first, levels = "model.1.ffc.convl2l.weight", count(r"model\.\d+\.ffc\.convl2l\.weight") - 1
    system = dataclasses.replace(
        experiment.system, features=own[first][0], levels=levels,
        blocks=count(r"model\.\d+\.conv1\.ffc\.convl2l\.weight"),
        gated=bool(count(r".+\.gate\.weight")), quarters=bool(count(r".+\.lfu\.bn\.weight")),
    )  # fmt: skip
    last = f"model.{1 + levels}.ffc"
    near, far = (own.get(f"{last}.{name}.weight", (0,))[0] for name in ("convl2l", "convl2g"))
    critic = {}
    if "discriminator.model0.0.weight" in own:
        layers = count(r"discriminator\.model\d+\.0\.weight") - 2
        critic = {"critic_features": own["discriminator.model0.0.weight"][0], "critic_layers": layers}
    channels = max(
        shape[0] for name, shape in own.items() if re.fullmatch(r"model\.\d+\.weight", name) and shape[-1] == 7
    )
    return dataclasses.replace(
        experiment, system=dataclasses.replace(system, ratio=far / (near + far), **critic),
        data=dataclasses.replace(experiment.data, channels=channels),
    )  # fmt: skip


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file: a saved trainer, or the generator or the critic alone."""
    names = known(stripped(state))
    if "model0.0.weight" in names:
        return {"critic": critic_variables(modules["critic"], state)}
    found = {"generator": generator_variables(modules["generator"], state)}
    if any(name.startswith("discriminator.") for name in names):
        found["critic"] = critic_variables(modules["critic"], state)
    return found


SIGNS = (
    r"(generator\.)?model\.\d+\..+", r"(discriminator\.)?model\d\.[01]\.\w+",
)  # fmt: skip
