"""Checkpoints of Palette's common re-implementation: guided diffusion's U-Net with another name for its embedding."""

from collections.abc import Mapping
from typing import Any

from dgan_jax.convert.ddpm import unet_params
from dgan_jax.convert.trees import State, stripped

PREFIX = "denoise_fn."
"""Of the network in a whole checkpoint, beside which lie tables of its schedules."""


def players(modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player: there is one network."""
    state = stripped(state)
    if any(name.startswith(PREFIX) for name in state):
        state = {name.removeprefix(PREFIX): value for name, value in state.items() if name.startswith(PREFIX)}
    own = {name.replace("cond_embed.", "time_embed."): value for name, value in state.items()}
    return {"denoiser": {"params": unet_params(modules["denoiser"], own)}}


SIGNS = (
    r"denoise_fn\.(input_blocks|middle_block|output_blocks|cond_embed|out)\..+",
    r"(input_blocks|middle_block|output_blocks|out)\.\d+\..+|(cond_embed|out)\.\d+\.\w+",
)
