"""Published checkpoints of I2SB: guided diffusion's U-Net, in a dictionary with its training."""

from collections.abc import Mapping
from typing import Any

from dgan_jax.convert.ddpm import unet_params
from dgan_jax.convert.trees import State, stripped

PREFIX = "diffusion_model."


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player: there is one network."""
    own = {name.removeprefix(PREFIX): value for name, value in stripped(state).items()}
    return {"denoiser": {"params": unet_params(modules["denoiser"], own)}}


SIGNS = (r"diffusion_model\.(input_blocks|middle_block|output_blocks|time_embed|out)\..+",)
