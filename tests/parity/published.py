"""Reading fixtures: what a published implementation computed, with weights that are a function of their names.

DGAN_PARITY_DIR takes the place of the fixtures folder; a fixture that is absent there is not collected.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import recipe

FOLDER = Path(os.environ.get("DGAN_PARITY_DIR") or Path(__file__).parent / "fixtures")


def fixtures(*names: str) -> list:
    """Parameters for those fixtures that exist. A trailing * stands for anything."""
    found = sorted({path for name in names for path in FOLDER.glob(f"{name}.npz")})
    return [pytest.param(path, id=path.stem) for path in found]


def meta_of(path: Path) -> dict:
    return json.loads(str(np.load(path)["meta"]))


def args_of(path: Path) -> dict:
    meta = meta_of(path)
    return meta["args"] if "args" in meta else meta["arguments"]


def recipe_state(path: Path, network: str | None = None) -> dict[str, np.ndarray]:
    """The state dictionary of a fixture's network, by published names."""
    meta = meta_of(path)
    entries = meta["state"] if network is None else meta["state"][network]
    scaled, gain = meta.get("scaled") or {}, meta.get("gain") or 1
    state = {}
    for name, shape in entries:
        value = recipe.tensor(name, tuple(shape)) * np.float32(scaled.get(name, 1))
        state[name] = value * np.float32(gain) if len(shape) >= 2 else value
    return state


def nhwc(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, -3, -1)


def error(ours, theirs) -> float:
    """Relative error in the Euclidean norm."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    return float(np.linalg.norm(ours - theirs) / max(np.linalg.norm(theirs), 1e-30))


def assert_distributed(ours: dict, shapes: dict, file, network: str) -> None:
    """Fresh parameters by published names have the deviation, extremes and mean that the fixture tells of each."""
    columns = (file[f"out.{network}.{column}"] for column in ("std", "absmax", "mean"))
    for name, std, most, mean in zip(shapes, *columns, strict=True):
        value = ours[name].astype(np.float64)
        if value.ndim == 1 and not name.endswith(".W"):
            assert np.allclose((value.std(), np.abs(value).max(), value.mean()), (std, most, mean), atol=1e-7), name
            continue
        # Two samples of one distribution: their figures differ by a few standard errors.
        slack = 5 / np.sqrt(value.size)
        assert abs(value.std() - std) <= slack * std, name
        assert abs(value.mean() - mean) <= 2 * slack * std, name
        assert abs(np.abs(value).max() - most) <= (0.01 + 4 * slack) * most, name
