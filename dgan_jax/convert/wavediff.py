"""Name rules between the published WaveDiff checkpoints and our parameter trees, in both directions.

They are DDGAN's but for the convolutions over bands and the critic's local head. A checkpoint works only with the order
of the bands it was trained on, which its tensors do not tell (see `systems.diffusion_gan.wavediff.Config.bands`).
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.convert import ddgan
from dgan_jax.convert.trees import Path, State, channels_of, fill, leaf_of, stripped, tensor, unfill
from dgan_jax.nets.ddgan_critic import VARIANTS, Critic
from dgan_jax.nets.wavelet_ncsnpp import WaveletNCSNpp


def generator_name(module: WaveletNCSNpp, path: Path) -> str:
    """The published name of one of our generator's leaves."""
    number, _, role = path[0].partition("_")
    if path[1:-1] == ("bands",):
        return leaf_of(f"all_modules.{int(number)}.convH_0", path[-1])
    if role.startswith("down") and role.endswith("pyramid") and module.wavelet_pyramid:
        return leaf_of(f"all_modules.{int(number)}", path[-1])
    return ddgan.generator_name(module, path)


def critic_name(path: Path) -> str:
    """The published name of one of our critic's leaves."""
    return leaf_of("local_end_linear", path[-1]) if path[0] == "local" else ddgan.critic_name(path)


def generator_params(module: WaveletNCSNpp, state: State) -> dict[str, Any]:
    """Our generator's parameters from a published `netG`; input channels and latent length are read off it."""
    state = stripped(state)
    if not module.timed:
        # The published blocks keep a layer for the time embedding that they are then not given.
        state = {name: value for name, value in state.items() if ".Dense_0." not in name}
    first = 2 * module.timed + (module.embedding == "fourier")
    channels = channels_of(state, f"all_modules.{first}.weight", "WaveDiff generator", fold=module.patch)
    latent = tensor(state, "z_transform.1.weight", 2, "WaveDiff generator").shape[1]
    side = module.patch * 2 ** len(module.multipliers)
    x, t, z = jnp.zeros((1, side, side, channels)), jnp.ones(1, jnp.int32), jnp.zeros((1, latent))
    shapes = jax.eval_shape(module.init, jax.random.key(0), x, t, z)["params"]
    return fill(shapes, state, lambda path: generator_name(module, path))


def critic_params(module: Critic, state: State) -> dict[str, Any]:
    """Our critic's parameters from a published `netD`; the number of input channels is read off it."""
    state = stripped(state)
    channels = channels_of(state, "start_conv.weight", "WaveDiff critic", fold=module.patch)
    x = jnp.zeros((1, 64 * module.patch, 64 * module.patch, channels))
    shapes = jax.eval_shape(module.init, jax.random.key(0), x[..., 1:], jnp.zeros(1, jnp.int32), x[..., :1])["params"]
    return fill(shapes, state, critic_name)


def generator_state(module: WaveletNCSNpp, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our generator's parameters."""
    return unfill(params, lambda path: generator_name(module, path))


def critic_state(module: Critic, params: Any) -> dict[str, np.ndarray]:
    """Published names and layouts of our critic's parameters."""
    del module
    return unfill(params, critic_name)


def generator_arguments(args: Mapping[str, Any], kind: str = "WaveletNCSNpp") -> dict[str, Any]:
    """Our constructor's arguments from those of the published class `kind`: WaveletNCSNpp, or NCSNpp for "normal"."""
    patch, banded = args["patch_size"], kind == "WaveletNCSNpp"
    # The separate number of outputs, where it is given, counts channels after patches were cut.
    outputs = args.get("num_out_channels", args["num_channels"] * patch**2)
    return {
        **ddgan.generator_arguments(args),
        "out_channels": outputs // patch**2,
        "patch": patch,
        "frequency": banded and not args.get("no_use_freq", False),
        "bottleneck": banded and not args.get("no_use_fbn", False),
        "wavelet_pyramid": banded and not args.get("no_use_residual", False),
    }


def critic_arguments(args: Mapping[str, Any], variant: str) -> dict[str, Any]:
    """Our constructor's arguments from those of the published discriminators."""
    most = len(VARIANTS[variant][0])
    return {
        **ddgan.critic_arguments(args, variant),
        # The published constructor takes any number and keeps 3 blocks at least.
        "layers": min(max(args.get("num_layers", most), 3), most),
        "patch": args.get("patch_size", 1),
        "local_head": args.get("use_local_loss", False),
    }


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player from a published file; a released `netG_*.pth` holds the averaged generator alone."""
    return {"generator": {"params": generator_params(modules["generator"], state)}}


SIGNS = ddgan.SIGNS
