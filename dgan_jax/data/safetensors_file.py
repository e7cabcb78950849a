"""Our own weights: one safetensors file, and beside it a JSON with its SHA-256, the config and the versions.

A tree {"generator": {"conv_in": {"kernel": ...}}} is stored as "generator/conv_in/kernel"; empty branches are lost.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from dgan_jax.core.files import write_atomically
from dgan_jax.data.opening import open_file

SEPARATOR = "/"
# safetensors.numpy writes bfloat16 but does not read it.
DTYPES = {
    **{"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16, "BOOL": np.bool_},
    **{f"{sign}{bits}": np.dtype(f"{sign.lower()}{bits // 8}") for sign in "IU" for bits in (8, 16, 32, 64)},
}


class Weights(NamedTuple):
    """What a weights file holds: parameters as nested dicts of numpy arrays, and what was said of them."""

    params: dict[str, Any]
    config: dict[str, Any]
    versions: dict[str, str]


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    """Nested dicts to one of "a/b/c"."""
    flat: dict[str, np.ndarray] = {}
    for name, value in params.items():
        if not isinstance(name, str) or not name or SEPARATOR in name:
            raise ValueError(
                f"a parameter's name is a text without {SEPARATOR!r}, got {name!r} in {prefix or 'the root'}"
            )
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}{SEPARATOR}")
        else:
            array = np.ascontiguousarray(value).reshape(np.shape(value))
            if array.dtype not in DTYPES.values():
                raise ValueError(f"parameter {prefix}{name} is a {type(value).__name__} of {array.dtype}")
            flat[f"{prefix}{name}"] = array
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`."""
    params: dict[str, Any] = {}
    for name, value in flat.items():
        *branches, leaf = name.split(SEPARATOR)
        place = params
        for branch in branches:
            place = place.setdefault(branch, {})
            if not isinstance(place, dict):
                raise ValueError(f"has both a parameter and a branch at {name!r}")
        if leaf in place:
            raise ValueError(f"has both a parameter and a branch at {name!r}")
        place[leaf] = value
    return params


def digest_file(path: Path) -> Path:
    """The JSON beside a weights file."""
    return path.with_suffix(".json")


def write_weights(
    path: str | os.PathLike,
    params: Mapping[str, Any],
    *,
    config: Mapping[str, Any],
    versions: Mapping[str, str] | None = None,
) -> str:
    """Write NAME.safetensors and NAME.json; returns the SHA-256. `config` must survive JSON."""
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"weights go into a file NAME.safetensors, got {path.name}")
    said = {"config": dict(config), "versions": dict(versions or {})}
    try:
        metadata = {key: json.dumps(value, sort_keys=True, allow_nan=False) for key, value in said.items()}
    except (TypeError, ValueError) as error:
        raise ValueError(f"the config of {path.name} cannot be written as JSON: {error}") from None
    data = save(flatten(params), metadata)
    digest = hashlib.sha256(data).hexdigest()
    beside = {"file": path.name, "sha256": digest, "bytes": len(data), **said}
    try:
        write_atomically(path, data)
        write_atomically(digest_file(path), (json.dumps(beside, indent=2, sort_keys=True) + "\n").encode())
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from None
    return digest


def read_weights(path: str | os.PathLike) -> Weights:
    """Read what `write_weights` wrote; a file that is not the one of its SHA-256 is refused."""
    path = Path(path)
    data, beside = read_bytes(path), digest_file(path)
    note = read_bytes(beside)
    try:
        digest = json.loads(note)["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(f"{beside} does not say the SHA-256 of {path.name}; write the weights again") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(f"{path} is not the file that {beside.name} describes: its SHA-256 differs; fetch both again")
    try:
        parts = ((name, part["data"], DTYPES[part["dtype"]], part["shape"]) for name, part in deserialize(data))
        flat = {
            name: np.frombuffer(raw, dtype).reshape(shape) if raw else np.zeros(shape, dtype)
            for name, raw, dtype, shape in parts
        }
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
        said = {key: json.loads(metadata[key]) for key in ("config", "versions")}
        if not all(isinstance(value, dict) for value in said.values()):
            raise ValueError("its config and versions are no objects")
        return Weights(nest(flat), **said)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} holds no weights written by dgan_jax: {reason:.200}") from None


def read_bytes(path: Path) -> bytes:
    with open_file(path, "weights, a file NAME.safetensors and its NAME.json") as file:
        return file.read()
