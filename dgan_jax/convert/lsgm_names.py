"""Published names of LSGM's two networks, both ways. How a checkpoint holds them is not known here.

The parity tests load their weights by these rules.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert.gan_names import known, leaf_of
from dgan_jax.convert.score_names import name_of
from dgan_jax.convert.trees import Layout, Path, State, fill, stripped, to_ours, to_published, unfill
from dgan_jax.nets.mixed_prior import MixedPrior
from dgan_jax.nets.nvae import NVAE


def ours(name: str, value: np.ndarray, rank: int) -> np.ndarray:
    if name.endswith(("log_weight_norm", "mixing_logit")):
        return value.reshape(-1)
    return value.transpose(1, 2, 0) if name == "prior_ftr0" else to_ours(name, value, rank)


def published(name: str, value: np.ndarray) -> np.ndarray:
    if name.endswith("log_weight_norm"):
        return value.reshape(-1, 1, 1, 1)
    if name == "mixing_logit":
        return value.reshape(1, -1, 1, 1)
    return value.transpose(2, 0, 1) if name == "prior_ftr0" else to_published(name, value)


LAYOUT = Layout(ours, published)
ALONE = {"stem": "stem", "out": "image_conditional.1", "top": "prior_ftr0"}
INNER = {"norm_0": "_ops.0.bn_act", "norm_1": "_ops.1.bn_act", "conv_0": "_ops.0.conv_0", "conv_1": "_ops.1.conv_0"}
MORE = {
    "squeeze": "se.se.0", "excite": "se.se.2", "skip": "skip.1", **{f"skip_{i}": f"skip.conv_{i + 1}" for i in range(4)}
}  # fmt: skip


def layer_of(module: NVAE, head: str) -> str:
    """The published name of a part of NVAE: towers number cells and what joins them together."""
    if head in ALONE:
        return ALONE[head]
    kind, _, number = head.rpartition("_")
    i = int(number)
    if kind == "encoder":
        return f"enc_tower.{i + i // module.encoder_cells}"
    if kind == "encoder_joins":  # ours begin at the top
        group = module.groups - 2 - i
        return f"enc_tower.{group * (module.encoder_cells + 1) + module.encoder_cells}.conv"
    if kind == "joins":
        return f"dec_tower.{i * (module.decoder_cells + 1)}.conv"
    if kind == "decoder":
        return f"dec_tower.{i + i // module.decoder_cells + 1}"
    kinds = {"pre": "pre_process", "post": "post_process", "samplers": "enc_sampler", "code_convs": "eps_conv"}
    return f"{kinds[kind]}.{i}" + (".1" if kind == "samplers" else "")


def nvae_name(module: NVAE, path: Path) -> str:
    """The published name of one of our leaves, (collection, part, ..., leaf)."""
    _, head, *inner = path
    base, leaf = layer_of(module, head), path[-1]
    if not inner:
        return base
    base = ".".join([base, *({**INNER, **MORE}[layer] for layer in inner[:-1])])
    return f"{base}.log_weight_norm" if leaf == "log_norm" else leaf_of((path[0], leaf), base)


def nvae_shapes(module: NVAE) -> Any:
    side, small = module.image_size, module.image_size // module.factor
    inputs = (
        jnp.zeros((1, side, side, module.channels)),
        jnp.zeros((1, small, small, module.groups * module.code_channels)),
    )
    return jax.eval_shape(module.init, jax.random.key(0), *inputs)


def nvae_variables(module: NVAE, state: State) -> dict[str, Any]:
    """Our variables from a published NVAE."""
    return fill(nvae_shapes(module), known(stripped(state)), lambda path: nvae_name(module, path), LAYOUT)


def nvae_state(module: NVAE, variables: Any) -> dict[str, np.ndarray]:
    return unfill(variables, lambda path: nvae_name(module, path), LAYOUT)


def prior_name(module: MixedPrior, path: Path) -> str:
    return path[0] if len(path) == 1 else name_of(module.network, path[1:])


def prior_shapes(module: MixedPrior) -> Any:
    side = 2 ** (len(module.network.multipliers) - 1)
    x = jnp.zeros((1, side, side, module.network.out_channels))
    return jax.eval_shape(module.init, jax.random.key(0), x, jnp.ones(1), x)["params"]


def prior_params(module: MixedPrior, state: State) -> dict[str, Any]:
    """Our parameters from a published prior."""
    return fill(prior_shapes(module), state, lambda path: prior_name(module, path), LAYOUT)


def prior_state(module: MixedPrior, params: Any) -> dict[str, np.ndarray]:
    return unfill(params, lambda path: prior_name(module, path), LAYOUT)
