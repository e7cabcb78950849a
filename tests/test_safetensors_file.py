"""Our own weights: written whole or not at all, and read only if they are the file that was written."""

import json
import os

import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax.data import safetensors_file
from dgan_jax.data.safetensors_file import read_weights, write_weights


@pytest.fixture
def params():
    kernel = np.arange(12, dtype=np.float32).reshape(3, 4)
    return {
        "generator": {"conv_in": {"kernel": kernel.T, "bias": jnp.zeros(4)}, "scale": np.float32(2.0)},
        "critic": {"half": jnp.arange(3, dtype=jnp.bfloat16), "steps": np.array([1, 2]), "none": np.zeros((0, 2))},
    }


def write(path, params):
    return write_weights(path, params, config={"features": 64, "fir": [1, 3]}, versions={"jax": "0.10.2"})


def test_weights_come_back_as_they_were(tmp_path, params):
    digest = write(tmp_path / "small.safetensors", params)
    read = read_weights(tmp_path / "small.safetensors")
    assert read.config == {"features": 64, "fir": [1, 3]}
    assert read.versions == {"jax": "0.10.2"}
    assert set(read.params) == set(params)
    for branch, name in (("generator", "scale"), ("critic", "half"), ("critic", "steps"), ("critic", "none")):
        theirs = np.asarray(params[branch][name])
        assert read.params[branch][name].dtype == theirs.dtype
        np.testing.assert_array_equal(read.params[branch][name], theirs)
    np.testing.assert_array_equal(
        read.params["generator"]["conv_in"]["kernel"], params["generator"]["conv_in"]["kernel"]
    )
    beside = json.loads((tmp_path / "small.json").read_text())
    assert (beside["sha256"], beside["file"]) == (digest, "small.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.json", "small.safetensors"]


def test_any_changed_byte_is_noticed(tmp_path, params):
    path = tmp_path / "small.safetensors"
    write(path, params)
    data = path.read_bytes()
    for place in range(0, len(data), 37):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(ValueError, match="its SHA-256 differs"):
            read_weights(path)
    path.write_bytes(data[:-1])
    with pytest.raises(ValueError, match="its SHA-256 differs"):
        read_weights(path)


def test_a_write_that_fails_leaves_the_old_weights(tmp_path, params, monkeypatch):
    path = tmp_path / "small.safetensors"
    write(path, params)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match=r"cannot write .*small\.safetensors: No space left"):
        write(path, {"generator": {"w": np.ones(1)}})
    assert "critic" in read_weights(path).params
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda path: path.unlink(), r"small\.safetensors does not exist"),
        (lambda path: path.with_suffix(".json").unlink(), r"small\.json does not exist"),
        (lambda path: path.with_suffix(".json").write_text("[]"), "does not say the SHA-256"),
        (lambda path: path.with_suffix(".json").write_text("{"), "does not say the SHA-256"),
        (lambda path: path.with_suffix(".json").write_bytes(b"\xff"), "does not say the SHA-256"),
    ],
)
def test_weights_that_cannot_be_read_are_told_in_one_sentence(tmp_path, params, change, says):
    path = tmp_path / "small.safetensors"
    write(path, params)
    change(path)
    with pytest.raises(ValueError, match=says):
        read_weights(path)


@pytest.mark.parametrize(
    "data", [b"", b"short", (2**40).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"{}"]
)
def test_a_file_of_another_kind_with_a_right_digest_is_refused(tmp_path, data):
    path = tmp_path / "other.safetensors"
    path.write_bytes(data)
    digest = safetensors_file.hashlib.sha256(data).hexdigest()
    path.with_suffix(".json").write_text(json.dumps({"sha256": digest}))
    with pytest.raises(ValueError, match="holds no weights written by dgan_jax"):
        read_weights(path)


@pytest.mark.parametrize(
    ("name", "params", "config", "says"),
    [
        ("w.npz", {}, {}, r"NAME\.safetensors, got w\.npz"),
        ("w.safetensors", {"a/b": np.ones(1)}, {}, "a text without '/', got 'a/b'"),
        ("w.safetensors", {"a": {1: np.ones(1)}}, {}, "got 1 in a/"),
        ("w.safetensors", {"a": {"b": object()}}, {}, "parameter a/b is a object of object"),
        ("w.safetensors", {}, {"f": len}, "cannot be written as JSON"),
        ("no/w.safetensors", {}, {}, "cannot write .*: No such file"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, name, params, config, says):
    with pytest.raises(ValueError, match=says):
        write_weights(tmp_path / name, params, config=config)
