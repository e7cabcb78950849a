"""PyTorch checkpoint files as plain containers of numpy arrays. Nothing in a file is executed, and torch is not needed.

Both layouts: the zip archive (torch 1.6 and later) and the older row of pickles followed by raw values. Whatever is
wrong with a file, the reader says it in one ValueError.
"""

import io
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dgan_jax.convert.torch_pickle import MOST_PICKLE, Machine, Refused, Storage, check_plain, expect
from dgan_jax.core.names import unknown
from dgan_jax.data.opening import open_file

MAGIC = 0x1950A86A20F9469CFC6C
MOST_BYTES = 64 * 2**30
# Where published checkpoints keep a network, averaged weights first.
ENTRIES = (
    "params_ema", "g_ema", "ema", "avg_gen_state_dict", "gen_state_dict", "netG_dict", "state_dict", "params",
    "model_avg", "model", "generator", "net", "G", "netG", "net_g", "model_state_dict", "weights",
)  # fmt: skip
# Put in front of every name by DataParallel and by torch.compile.
WRAPPERS = ("module.", "_orig_mod.")


def read_torch(path: str | os.PathLike, *, ignore: Iterable[str] = (), limit: int = MOST_BYTES) -> Any:
    """What torch.load(path) would give, as dicts, lists, tuples, numbers, strings and read-only numpy arrays.

    Devices and dtypes become strings, an argparse.Namespace a dict. Objects of the modules or classes in `ignore`
    (say "pytorch_lightning") become `Ignored`; they are not made. `limit`: the largest file to read, in bytes.
    """
    path = Path(path)
    with open_file(path, "a PyTorch checkpoint") as file:
        try:
            return read_open(file, ignore, limit)
        except Refused as error:
            raise ValueError(f"{path} {error}") from None
        except Exception as error:
            # Whatever a damaged file makes zipfile, numpy or the stack machine raise is the file's fault.
            reason = " ".join(str(error).split())
            raise ValueError(
                f"{path} is damaged or no PyTorch checkpoint: {type(error).__name__}: {reason:.200}"
            ) from None


def read_open(file: BinaryIO, ignore: Iterable[str], limit: int) -> Any:
    """`read_torch` of an open file; raises whatever it stumbles over."""
    size = file.seek(0, io.SEEK_END)
    if size > limit:
        raise Refused(f"has {size} bytes, more than the limit of {limit}")
    file.seek(0)
    start = file.read(64)
    file.seek(0)
    if start.startswith(b"PK"):
        result = read_zip(file, size, ignore)
    elif start.startswith(b"\x80"):
        result = read_legacy(file.read(), ignore)
    else:
        raise Refused(f"is no PyTorch checkpoint{looks_like(start)}")
    check_plain(result, budget=8 * size + 64 * 2**20)
    return result


def looks_like(start: bytes) -> str:
    if start.startswith(b"version https://git-lfs"):
        return " but a Git LFS pointer; fetch the file itself"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return " but a web page; the download went wrong"
    return ": neither a zip archive nor a pickle" if start else ": it is empty"


def read_zip(file: BinaryIO, size: int, ignore: Iterable[str]) -> Any:
    """The zip layout: NAME/data.pkl, and NAME/data/KEY with the values of each storage."""
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if len(entries) != len(archive.infolist()):
            raise Refused("names an entry twice")
        if any(name.endswith("/constants.pkl") for name in entries):
            raise Refused("is a TorchScript archive; load it in torch and save its state_dict()")
        if any(e.compress_type != zipfile.ZIP_STORED or e.file_size != e.compress_size for e in entries.values()):
            raise Refused("has compressed entries, which no PyTorch checkpoint has")
        if sum(entry.file_size for entry in entries.values()) > size:
            raise Refused("declares more bytes than it has")
        pickles = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise Refused("is a zip archive without a data.pkl; a checkpoint of torch.save has one")
        folder = pickles[0].removesuffix("data.pkl")
        if entries[pickles[0]].file_size > MOST_PICKLE:
            raise Refused("has a pickle of more than 64 MiB")
        order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in entries else b"little"
        found: dict[tuple[str, np.dtype], np.ndarray] = {}

        def storage(dtype: np.dtype, key: str, count: int, window: tuple | None = None) -> Storage:
            name = f"{folder}data/{key}"
            if name not in entries:
                raise Refused(f"lacks the values of storage {key:.40}")
            if entries[name].file_size != count * dtype.itemsize:
                raise Refused(f"has {entries[name].file_size} bytes for storage {key:.40} of {count} {dtype}")
            if (name, dtype) not in found:
                values = np.frombuffer(archive.read(name), dtype.newbyteorder(">") if order == b"big" else dtype)
                found[name, dtype] = values.astype(dtype, copy=False)
            return Storage(windowed(found[name, dtype], window))

        return Machine(storage, ignore).run(io.BytesIO(archive.read(pickles[0])))


def read_legacy(data: bytes, ignore: Iterable[str]) -> Any:
    """The older layout: pickles of magic number, protocol, system, object and storage keys; then counts and values."""
    file = io.BytesIO(data)
    none = lambda *_: Storage(None)
    if Machine(none, ()).run(file) != MAGIC:
        raise Refused("is a pickle but no PyTorch checkpoint")
    if Machine(none, ()).run(file) != 1001:
        raise Refused("has another protocol version than 1001, the only one known")
    Machine(none, ()).run(file)

    # The values come last, so the object is read twice: first for its length and the types of its storages.
    declared: dict[str, tuple[np.dtype, int]] = {}

    def declare(dtype: np.dtype, key: str, count: int, window: tuple | None = None) -> Storage:
        if declared.setdefault(key, (dtype, count)) != (dtype, count):
            raise Refused(f"declares storage {key:.40} twice, differently")
        return Storage(None)

    begin = file.tell()
    Machine(declare, ignore).run(file)
    end = file.tell()
    keys = expect(Machine(none, ()).run(file), list)
    found: dict[str, np.ndarray] = {}
    place = file.tell()
    for key in keys:
        if expect(key, str) not in declared:
            raise Refused("lists a storage that nothing uses")
        dtype, count = declared[key]
        if int.from_bytes(data[place : place + 8], "little") != count or count < 0:
            raise Refused(f"has another length for storage {key:.40} than its pickle says")
        if place + 8 + count * dtype.itemsize > len(data):
            raise Refused(f"ends within storage {key:.40}")
        # Values are little-endian in this layout on every machine.
        found[key] = np.frombuffer(data, dtype, count, place + 8)
        place += 8 + count * dtype.itemsize

    def storage(dtype: np.dtype, key: str, count: int, window: tuple | None = None) -> Storage:
        if key not in found:
            raise Refused(f"lacks the values of storage {key:.40}")
        return Storage(windowed(found[key], window))

    return Machine(storage, ignore).run(io.BytesIO(data[begin:end]))


def windowed(values: np.ndarray, window: tuple | None) -> np.ndarray:
    """The part (key, offset, count) of a storage, which files before torch 0.4 may ask for."""
    if window is None:
        return values
    _, offset, count = expect(window, tuple)
    if expect(offset, int) < 0 or expect(count, int) < 0 or offset + count > values.size:
        raise Refused("asks for a part of a storage that is not there")
    return values[offset : offset + count]


def state_dict(checkpoint: Any, prefix: str = "", *, entry: str | None = None) -> dict[str, np.ndarray]:
    """The arrays of one network by their names in torch.

    `entry` names the network inside the checkpoint (dots descend: "model.generator"); without it the usual entries are
    followed, averaged weights first. "module." in front of every name is taken away, then only names that begin with
    `prefix` are kept, without it. A list of entries without names (DDIM: network, optimizer, epoch, step, average) is
    taken for the last of them that holds arrays by name.
    """
    if isinstance(checkpoint, list | tuple) and entry is None:
        checkpoint = next((part for part in reversed(checkpoint) if arrays_of(part)), checkpoint)
    if entry is not None:
        for part in entry.split("."):
            if not isinstance(checkpoint, Mapping) or part not in checkpoint:
                names = [str(key) for key in checkpoint] if isinstance(checkpoint, Mapping) else []
                raise unknown("checkpoint entry", part, names)
            checkpoint = checkpoint[part]
    while isinstance(checkpoint, Mapping):
        inner = next((key for key in ENTRIES if isinstance(checkpoint.get(key), Mapping)), None)
        if inner is None:
            break
        model = checkpoint.get("model")
        if isinstance(shadows := checkpoint[inner].get("shadow_params"), list) and isinstance(model, Mapping):
            checkpoint = with_averages(model, shadows)
            break
        checkpoint = checkpoint[inner]
    arrays = arrays_of(checkpoint)
    if not arrays:
        listed = ", ".join(str(key) for key in list(checkpoint)[:20]) if isinstance(checkpoint, Mapping) else "none"
        raise ValueError(f"no tensors in the checkpoint's outermost entries ({listed}); name the entry that holds them")
    while wrapper := next((w for w in WRAPPERS if all(name.startswith(w) for name in arrays)), None):
        arrays = {name.removeprefix(wrapper): array for name, array in arrays.items()}
    kept = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    if not kept:
        raise unknown("prefix of tensor names", prefix, {name.split(".")[0] + "." for name in arrays})
    return kept


def with_averages(model: Mapping[str, Any], shadows: list) -> dict[str, Any]:
    """A network's arrays with the averages of its trained ones in their places (score SDE's files).

    The averages have no names. They stand in the order of the network's; what is not averaged (tables, frozen
    frequencies) is passed over, since its shape is another than that of the next average.
    """
    waiting, averaged = list(shadows), dict(model)
    for name, value in arrays_of(model).items():
        if waiting and np.shape(waiting[0]) == value.shape:
            averaged[name] = waiting.pop(0)
    if waiting:
        raise ValueError(f"{len(waiting)} of the checkpoint's {len(shadows)} averages fit no tensor of its network")
    return averaged


def arrays_of(checkpoint: Any) -> dict[str, np.ndarray]:
    if not isinstance(checkpoint, Mapping):
        return {}
    return {key: value for key, value in checkpoint.items() if isinstance(key, str) and isinstance(value, np.ndarray)}
