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


READ: dict[Path, set[str]] = {}
"""What a module's tests have read of each fixture's arguments, by dotted names; and what they hold."""
HELD: dict[Path, set[str]] = {}


class Counted(dict):
    """Arguments that know which of them were read: one that no test reads would pass whatever it says."""

    def __init__(self, values: dict, path: Path, prefix: str = "") -> None:
        super().__init__()
        self.path, self.prefix = path, prefix
        for key, value in values.items():
            inner = isinstance(value, dict) and value
            super().__setitem__(key, Counted(value, path, f"{prefix}{key}.") if inner else value)
            if not inner:
                HELD.setdefault(path, set()).add(f"{prefix}{key}")

    def __getitem__(self, key):
        READ.setdefault(self.path, set()).add(f"{self.prefix}{key}")
        return super().__getitem__(key)

    def get(self, key, default=None):
        READ.setdefault(self.path, set()).add(f"{self.prefix}{key}")
        return super().get(key, default)

    def pop(self, key, *default):
        value = self[key] if key in self or not default else default[0]
        super().pop(key, None)
        return value

    def __iter__(self):  # so that ** and dict() ask for each by its name
        return iter(super().keys())

    def values(self):
        return [self[key] for key in self]

    def items(self):
        return [(key, self[key]) for key in self]


def meta_of(path: Path) -> dict:
    """What a fixture says of itself; its arguments are counted as they are read."""
    meta = json.loads(str(np.load(path)["meta"]))
    for name in ("args", "arguments"):
        if isinstance(meta.get(name), dict):
            meta[name] = Counted(meta[name], path)
    return meta


def args_of(path: Path) -> dict:
    meta = meta_of(path)
    return meta["args"] if "args" in meta else meta["arguments"]


def without_effect(args: dict, *names: str) -> None:
    """Say that what the test calls has no such arguments: they belong to other parts of the published program."""
    for name in names:
        if name in args:
            args[name]


PROCESS = ("beta_max", "beta_min", "num_timesteps", "use_geometric")
"""Of the diffusion, where a fixture of a network alone tells them too."""
SHAPES = ("nz", "t_emb_dim")
"""Of the generator's own, which follow from the shapes of arrays."""


def only(args: dict, **values: object) -> None:
    """Fail unless these arguments, where a fixture tells them, say what ours always does."""
    for name, value in values.items():
        assert args.get(name, value) == value, f"{name} = {args[name]!r} is not understood; ours is always {value!r}"


def unread() -> list[str]:
    """What was held and not read since the last call, and forget both."""
    left = [f"{path.stem}: {', '.join(sorted(held - READ.get(path, set())))}" for path, held in HELD.items()]
    left = [line for line in left if not line.endswith(": ")]
    READ.clear(), HELD.clear()
    return left


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
