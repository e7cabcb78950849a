"""Writes what torch.save writes, in both of its layouts, without torch. For tests only.

Tensors are numpy arrays. A view of a larger array is stored as torch stores it: the whole storage once, and the view's
offset, size and stride. Held against torch 2.13 by hand: the pickles are the same bytes, and torch.load reads both layouts.
"""

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
STORAGES = {
    **{"float64": "Double", "float32": "Float", "float16": "Half", "bfloat16": "BFloat16", "bool": "Bool"},
    **{"int64": "Long", "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte"},
    **{"complex64": "ComplexFloat", "complex128": "ComplexDouble"},
}


class Global:
    """A name that is written as it stands, whether or not it exists here."""

    def __init__(self, name: str) -> None:
        self.module, self.attribute = name.rsplit(".", 1)

    def __call__(self, *_: Any) -> None:
        """The pickler wants something that could be called."""


class Parameter(NamedTuple):
    """A torch.nn.Parameter."""

    data: np.ndarray


class Call(NamedTuple):
    """A reduction to a name applied to arguments, such as torch.Size((1, 2)), or whatever a test has in mind."""

    name: str
    arguments: tuple
    state: Any = None


class Ordered(dict):
    """An OrderedDict, as Module.state_dict() gives it, with its `_metadata`."""


class Storage(NamedTuple):
    values: np.ndarray
    key: str


class Pickler(pickle._Pickler):
    """Protocol 2, in the very opcodes that torch's own pickling gives."""

    def __init__(self, file: Any, legacy: bool) -> None:
        super().__init__(file, 2)
        self.legacy = legacy
        self.storages: dict[int, Storage] = {}
        self.names: dict[str, Global] = {}

    def name(self, text: str) -> Global:
        return self.names.setdefault(text, Global(text))

    def save(self, obj: Any, save_persistent_id: bool = True) -> Any:
        if not isinstance(obj, Global):
            return super().save(obj, save_persistent_id)
        if id(obj) in self.memo:
            return self.write(self.get(self.memo[id(obj)][0]))
        self.write(pickle.GLOBAL + f"{obj.module}\n{obj.attribute}\n".encode())
        return self.memoize(obj)

    def storage(self, array: np.ndarray) -> Storage:
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        return self.storages.setdefault(id(base), Storage(base.ravel(order="K"), str(len(self.storages))))

    def persistent_id(self, obj: Any) -> Any:
        if type(obj) is not Storage:
            return None
        kind = self.name(f"torch.{STORAGES[obj.values.dtype.name]}Storage")
        return ("storage", kind, obj.key, "cpu", obj.values.size, *([None] if self.legacy else []))

    def reducer_override(self, obj: Any) -> Any:
        hooks = Call("collections.OrderedDict", ())
        match obj:
            case np.ndarray():
                storage = self.storage(obj)
                start = obj.__array_interface__["data"][0] - storage.values.__array_interface__["data"][0]
                stride = tuple(step // obj.itemsize for step in obj.strides)
                arguments = (storage, start // obj.itemsize, obj.shape, stride, False, hooks)
                return self.name("torch._utils._rebuild_tensor_v2"), arguments
            case _:
                return NotImplemented

    def save_call(self, obj: Any) -> None:
        match obj:
            case Parameter():
                hooks = Call("collections.OrderedDict", ())
                self.save_reduce(self.name("torch._utils._rebuild_parameter"), (obj.data, True, hooks), obj=obj)
            case Ordered():
                state = {"_metadata": Call("collections.OrderedDict", ())}
                items = iter(obj.items())
                self.save_reduce(self.name("collections.OrderedDict"), (), state, None, items, obj=obj)
            case Call():
                self.save_reduce(self.name(obj.name), obj.arguments, obj.state, obj=obj)

    dispatch = pickle._Pickler.dispatch | dict.fromkeys((Parameter, Ordered, Call), save_call)


def pickled(obj: Any, legacy: bool) -> tuple[bytes, list[Storage]]:
    file = io.BytesIO()
    pickler = Pickler(file, legacy)
    pickler.dump(obj)
    return file.getvalue(), list(pickler.storages.values())


def save(obj: Any, path: Path, *, legacy: bool = False) -> None:
    """torch.save(obj, path), with `_use_new_zipfile_serialization=False` if legacy."""
    (save_legacy if legacy else save_zip)(path, *pickled(obj, legacy))


def save_zip(path: Path, data: bytes, storages: list[Storage], compression: int = zipfile.ZIP_STORED) -> None:
    folder = path.stem
    with zipfile.ZipFile(path, "w") as archive:

        def put(name: str, content: bytes) -> None:
            entry = zipfile.ZipInfo(f"{folder}/{name}")
            # torch pads a field of no meaning, so that values begin at multiples of 64.
            begin = archive.fp.tell() + 30 + len(entry.filename) + 4
            entry.extra = b"FB" + struct.pack("<H", -begin % 64) + b"Z" * (-begin % 64)
            archive.writestr(entry, content, compression)

        put("data.pkl", data)
        put(".format_version", b"1")
        put(".storage_alignment", b"64")
        put("byteorder", b"little")
        for storage in storages:
            put(f"data/{storage.key}", storage.values.tobytes())
        put("version", b"3\n")
        put(".data/serialization_id", b"0" * 40)


def save_legacy(path: Path, data: bytes, storages: list[Storage]) -> None:
    parts = [pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, SYSTEM)]
    keys = pickle.dumps(sorted(storage.key for storage in storages), 2)
    values = [struct.pack("<q", s.values.size) + s.values.tobytes() for s in sorted(storages, key=lambda s: s.key)]
    path.write_bytes(b"".join([*parts, data, keys, *values]))
