"""Trained networks as one file: what `dgan export` writes, and what comes with the package."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from dgan_jax.core.experiment import Experiment
from dgan_jax.core.machine import versions
from dgan_jax.core.targets import beginnings
from dgan_jax.data.safetensors_file import read_weights, write_weights
from dgan_jax.train.configs import from_dict, to_dict

FOLDER = Path(__file__).parent.parent / "weights"
"""Weights that come with the package, and beside each a page on how they were trained and how good they are."""
DTYPES = ("float32", "float16", "bfloat16")


def known() -> dict[str, Path]:
    """Name -> file, of those that come with the package."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}


def find(place: str | Path) -> Path | None:
    """The weights file that is meant: by its path, or by the name of one that comes with the package.

    None where the place is something else, for example the folder of a run.
    """
    path = Path(place)
    if path.suffix == ".safetensors":
        return path
    return None if path.exists() else known().get(str(place))


def write(
    path: str | Path, experiment: Experiment, variables: dict[str, Any], *, training: dict[str, Any], dtype: str,
    chosen: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """Networks and the experiment that they belong to; returns the SHA-256. dtype: of floating-point parameters.
    chosen: what somebody chose that the file restores with unasked."""
    if dtype not in DTYPES:
        raise ValueError(f"the type of weights is one of {', '.join(DTYPES)}, got {dtype!r}")
    narrow = lambda leaf: leaf.astype(dtype) if np.issubdtype(leaf.dtype, np.floating) else leaf
    # Statistics and scales stay as they are: they are small, and may be larger than a narrow type can hold.
    held = jax.tree.map(np.asarray, variables)
    held = {**held, "params": jax.tree.map(narrow, held["params"])}
    # Where images and earlier weights lay is nobody's business, and means nothing elsewhere.
    bare = lambda place: Path(place).name if Path(place).exists() else place
    data = dataclasses.replace(experiment.data, name=bare(experiment.data.name))
    train = dataclasses.replace(
        experiment.train, begin_with=", ".join(bare(one.place) for one in beginnings(experiment.train.begin_with))
    )
    plain = to_dict(dataclasses.replace(experiment, data=data, train=train))
    config = {"experiment": plain, "training": training, **({"chosen": dict(chosen)} if chosen else {})}
    return write_weights(path, held, config=config, versions=versions())


class Trained(NamedTuple):
    """What a weights file holds: the experiment, what its training took, variables as they are stored, and what was
    chosen when it was exported."""

    experiment: Experiment
    training: dict[str, Any]
    variables: dict[str, Any]
    chosen: dict[str, Any]


def read(path: Path) -> Trained:
    """A file of `write`; a ValueError if it is something else, or not the file of its SHA-256."""
    held = read_weights(path)
    try:
        chosen = dict(held.config.get("chosen", {}))
        return Trained(from_dict(held.config["experiment"]), dict(held.config["training"]), held.params, chosen)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} holds no networks that dgan export wrote ({error})") from error


def shapes(tree: Any) -> Any:
    """The shape of each leaf, in its place."""
    return jax.tree.map(lambda leaf: tuple(leaf.shape), tree)


def widened(held: dict[str, Any]) -> dict[str, Any]:
    """Variables of a file as they are restored with: parameters of float32, and an entry for each kind and player."""
    wide = lambda leaf: leaf.astype(np.float32) if jax.dtypes.issubdtype(leaf.dtype, np.floating) else leaf
    params = jax.tree.map(wide, held["params"])
    return {"params": params, "model_state": {player: {} for player in params} | held.get("model_state", {})}


def fitted(path: Path, held: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """Variables in the types of `like` (shapes by player); a ValueError if those of the file at `path` are others.

    Players that the file leaves out, since nothing is restored with them, are left out here too.
    """
    found: dict[str, Any] = {"params": {}, "model_state": {player: {} for player in like["params"]}}
    found |= {"memory": {}} if "memory" in like else {}
    for kind, players in held.items():
        for player, tree in players.items():
            wanted = like.get(kind, {}).get(player)
            if wanted is None or shapes(tree) != shapes(wanted):
                raise ValueError(f"{path} holds other arrays for {player!r} than its config describes; fetch it again")
            found[kind][player] = jax.tree.map(lambda leaf, as_: leaf.astype(as_.dtype), tree, wanted)
    return found
