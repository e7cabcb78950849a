"""Published checkpoints of score SDE (yang-song/score_sde_pytorch): see `score_names`."""

from dgan_jax.convert.score_names import SIGNS, players

__all__ = ["SIGNS", "players"]
