"""The pickle inside a PyTorch checkpoint, interpreted without executing anything.

A pickle is a program for a stack machine. This is that machine with the opcodes a checkpoint of tensors needs and a
table of the names it may mention; each name stands for a function of ours. Whatever else is asked for is refused.
"""

import io
import pickletools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

MOST_PICKLE = 64 * 2**20  # bytes of pickle; tensors' values lie outside it
MOST_STEPS = 5_000_000  # a tensor takes about 25
MOST_NODES = 10_000_000  # of the result when shared parts are counted as often as they appear
MOST_DEPTH = 100

DTYPES: dict[str, np.dtype] = {
    name: np.dtype(kind)
    for name, kind in {
        **{n: n for n in ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")},
        **{n: n for n in ("uint16", "uint32", "uint64", "complex64", "complex128")},
        **{n: getattr(ml_dtypes, n) for n in ("bfloat16", "float8_e4m3fn", "float8_e5m2")},
    }.items()
}
STORAGES = {
    **{"Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Bool": "bool"},
    **{"Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Untyped": "uint8"},
    **{"ComplexFloat": "complex64", "ComplexDouble": "complex128"},
}


class Refused(ValueError):
    """A sentence about the file, to follow its name."""


class Storage(NamedTuple):
    """The values that tensors are views of; None while a file's layout is still being read."""

    values: np.ndarray | None


class Global(NamedTuple):
    """A name that the pickle mentions, and our function in its place."""

    name: str
    call: Callable[..., Any]


class StorageType(NamedTuple):
    dtype: np.dtype


class Ignored(NamedTuple):
    """Stands for an object of a class that the caller chose to ignore."""

    name: str


class Dtype:
    """numpy.dtype while it is built; the byte order arrives after the kind."""

    def __init__(self, kind: str, *_: Any) -> None:
        self.value = np.dtype(expect(kind, str))
        if self.value.kind not in "biufc":
            raise Refused(f"holds numpy values of kind {kind!r:.40}")


def tensor(storage: Storage, offset: int, size: tuple, stride: tuple, *_: Any) -> np.ndarray | None:
    """torch._utils._rebuild_tensor and _v2: a view of a storage, bounds checked."""
    if not isinstance(storage, Storage):
        raise Refused("describes a tensor without a storage")
    return None if storage.values is None else view(storage.values, offset, size, stride)


def tensor_of(storage: Storage, offset: int, size: tuple, stride: tuple, grad: Any, hooks: Any, dtype: str, *_: Any):
    """torch._utils._rebuild_tensor_v3: a view of bytes, for types without a storage class of their own."""
    if not isinstance(storage, Storage):
        raise Refused("describes a tensor without a storage")
    if storage.values is None:
        return None
    kind = DTYPES[expect(dtype, str).removeprefix("torch.")]
    return view(storage.values.view(np.uint8).view(kind), offset, size, stride)


def view(values: np.ndarray, offset: int, size: tuple, stride: tuple) -> np.ndarray:
    """values: one-dimensional and contiguous. Strides count elements, as torch's do."""
    numbers = (offset, *size, *stride)
    # Nothing is printed or multiplied before it is known to be small: a nested tuple can unfold to terabytes.
    if len(size) != len(stride) or any(type(n) is not int or not 0 <= n < 2**62 for n in numbers):
        raise Refused("describes a tensor whose size, stride or offset cannot be")
    if 0 in size:
        return np.zeros(size, values.dtype)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if last >= values.size:
        raise Refused(f"describes a tensor that reaches element {last} of a storage of {values.size}")
    steps = [step * values.itemsize if n > 1 else 0 for n, step in zip(size, stride, strict=True)]
    return np.lib.stride_tricks.as_strided(values[offset:], size, steps, writeable=False)


def numpy_scalar(dtype: Dtype, raw: bytes) -> np.generic:
    """numpy.core.multiarray.scalar."""
    return np.frombuffer(expect(raw, bytes), expect(dtype, Dtype).value, count=1)[0]


def numpy_array(raw: bytes, dtype: Dtype, shape: tuple, order: str) -> np.ndarray:
    """numpy.core.numeric._frombuffer, which protocol 5 uses."""
    values = np.frombuffer(expect(raw, bytes), expect(dtype, Dtype).value)
    return values.reshape([expect(n, int) for n in shape], order="F" if order == "F" else "C")


class Array:
    """numpy.ndarray while it is built."""

    value: np.ndarray | None = None

    def fill(self, version: int, shape: tuple, dtype: Dtype, fortran: bool, raw: bytes) -> None:
        del version
        self.value = numpy_array(raw, dtype, shape, "F" if fortran else "C")


def latin1(text: str, encoding: str = "latin1") -> bytes:
    """_codecs.encode, the way in which protocol 2 writes bytes."""
    if encoding != "latin1":
        raise Refused("asks for bytes in another encoding than latin1")
    return expect(text, str).encode("latin1")


def plain_dict(items: Any = ()) -> dict:
    """An OrderedDict or Counter: of another dict, or of pairs as old checkpoints have it."""
    return {check_key(key): value for key, value in (items.items() if type(items) is dict else items)}


def device(kind: str, index: int | None = None) -> str:
    return expect(kind, str) if index is None else f"{expect(kind, str)}:{expect(index, int)}"


def rebuilt(function: Global, kind: Any, arguments: tuple, *_: Any) -> Any:
    """torch._tensor._rebuild_from_type_v2: a tensor that carried attributes, which are dropped."""
    del kind
    return expect(function, Global).call(*arguments)


def refuse_call(*_: Any) -> None:
    raise Refused("makes a tensor in a way that torch.save does not")


def known() -> dict[str, Any]:
    """Every name that a checkpoint may mention, and what stands in for it."""
    functions: dict[str, Callable[..., Any]] = {
        "collections.OrderedDict": plain_dict,
        "collections.Counter": plain_dict,
        "collections.defaultdict": lambda factory=None: {},
        "argparse.Namespace": lambda: {},
        "builtins.dict": plain_dict,
        "builtins.set": lambda items=(): {check_key(item) for item in items},
        "builtins.frozenset": lambda items=(): {check_key(item) for item in items},
        "torch._utils._rebuild_tensor": tensor,
        "torch._utils._rebuild_tensor_v2": tensor,
        "torch._utils._rebuild_tensor_v3": tensor_of,
        "torch._utils._rebuild_parameter": lambda data, *_: data,
        "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
        "torch.Size": tuple,
        "torch._tensor._rebuild_from_type_v2": rebuilt,
        "torch.Tensor": refuse_call,
        "torch.nn.parameter.Parameter": refuse_call,
        "torch.device": device,
        "numpy.dtype": Dtype,
        "_codecs.encode": latin1,
    }
    for core in ("numpy.core", "numpy._core"):
        functions |= {f"{core}.multiarray.scalar": numpy_scalar, f"{core}.multiarray._reconstruct": lambda *_: Array()}
        functions[f"{core}.numeric._frombuffer"] = numpy_array
    functions["numpy.ndarray"] = refuse_call
    table: dict[str, Any] = {name: Global(name, call) for name, call in functions.items()}
    table |= {f"torch.{name}": f"torch.{name}" for name in DTYPES}
    for name, dtype in STORAGES.items():
        table |= {f"{place}.{name}Storage": StorageType(DTYPES[dtype]) for place in ("torch", "torch.storage")}
    # Python 2's name of the module, which protocol 2 writes to this day.
    return table | {f"__builtin__.{name}": table[f"builtins.{name}"] for name in ("dict", "set", "frozenset")}


KNOWN = known()


def check_key(key: Any) -> Any:
    """Keys are flat: hashing a tuple nested a million times would end the process."""
    flat = str | bytes | int | float | np.generic | Ignored | None
    if isinstance(key, flat) or (type(key) is tuple and all(isinstance(part, flat) for part in key)):
        return key
    raise Refused(f"uses a {type(key).__name__} as a name")


class Machine:
    """The stack machine. `storage(dtype, key, count, window)` finds the values of a persistent id."""

    def __init__(self, storage: Callable[[np.dtype, str, int, tuple | None], Storage], ignore: Iterable[str]) -> None:
        self.storage = storage
        self.ignore = tuple(ignore)
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, file: io.BytesIO) -> Any:
        """The object that one pickle describes; `file` is left behind its end."""
        start = file.tell()
        for count, (opcode, argument, place) in enumerate(pickletools.genops(file)):
            if (place or 0) - start > MOST_PICKLE or count > MOST_STEPS:
                raise Refused("has a pickle far larger than the names of its tensors")
            self.step(opcode.name, argument)
        if len(self.stack) != 1 or self.marks:
            raise Refused("has a pickle that does not end in one object")
        return self.stack[0]

    def above_mark(self) -> list[Any]:
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def step(self, name: str, argument: Any) -> None:
        stack, pop, push = self.stack, self.pop, self.stack.append
        match name:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "LONG4" | "BINFLOAT":
                push(argument)
            case "BINUNICODE" | "SHORT_BINUNICODE" | "BINUNICODE8" | "BINSTRING" | "SHORT_BINSTRING":
                push(argument)
            case "BINBYTES" | "SHORT_BINBYTES" | "BINBYTES8":
                push(argument)
            case "BYTEARRAY8":
                push(bytes(argument))
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                push({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE" | "EMPTY_SET":
                push({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}[name]())
            case "MARK":
                self.marks.append(len(stack))
            case "POP":
                pop()
            case "POP_MARK":
                self.above_mark()
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = stack[-1]
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                item = self.memo[argument]
                push(item.value if isinstance(item, Array) else item)
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                push(tuple([pop() for _ in range(int(name[-1]))][::-1]))
            case "TUPLE":
                push(tuple(self.above_mark()))
            case "FROZENSET":
                push({check_key(item) for item in self.above_mark()})
            case "APPEND":
                item = pop()
                expect(stack[-1], list).append(item)
            case "APPENDS":
                items = self.above_mark()
                expect(stack[-1], list).extend(items)
            case "ADDITEMS":
                items = self.above_mark()
                expect(stack[-1], set).update(check_key(item) for item in items)
            case "SETITEM":
                value, key = pop(), pop()
                self.set_items([key, value])
            case "SETITEMS":
                self.set_items(self.above_mark())
            case "GLOBAL":
                push(self.find(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                attribute, module = expect(pop(), str), expect(pop(), str)
                push(self.find(module, attribute))
            case "REDUCE" | "NEWOBJ":
                arguments, function = expect(pop(), tuple), pop()
                push(function if isinstance(function, Ignored) else expect(function, Global).call(*arguments))
            case "BUILD":
                state = pop()
                self.build(state)
            case "BINPERSID":
                push(self.persistent(pop()))
            case _:
                raise Refused(f"uses the pickle opcode {name}, which a checkpoint of tensors does not need")

    def pop(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise Refused("has a pickle that takes more from its stack than is there")
        return self.stack.pop()

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Ignored):
            return
        expect(target, dict).update((check_key(k), v) for k, v in zip(items[::2], items[1::2], strict=True))

    def find(self, module: str, name: str) -> Any:
        asked = f"{module}.{name}"
        if asked in KNOWN:
            return KNOWN[asked]
        if any(asked == prefix or asked.startswith(prefix.rstrip(".") + ".") for prefix in self.ignore):
            return Ignored(asked)
        raise Refused(f"asks for {asked[:200]}; refusing to read it: a checkpoint of tensors needs no such thing")

    def build(self, state: Any) -> None:
        """State set on an object after its making. A state dict's attributes (`_metadata`) are of no use here."""
        match self.stack[-1]:
            case Ignored():
                pass
            case Dtype() as dtype:
                if state[1] in ("<", ">"):
                    dtype.value = dtype.value.newbyteorder(state[1])
            case Array() as array:
                array.fill(*state)
                self.stack[-1] = array.value
            case dict() as namespace if isinstance(state, dict) and "_metadata" not in state:
                namespace.update((expect(k, str), v) for k, v in state.items())
            case dict():
                pass
            case other:
                raise Refused(
                    f"sets the state of a {type(other).__name__}; a checkpoint of tensors needs no such thing"
                )

    def persistent(self, identity: Any) -> Storage:
        kind, storage_type, key, _, count, *window = expect(identity, tuple)
        if expect(kind, str) != "storage":
            raise Refused(f"holds a {kind:.40} where a storage belongs; save the network's state_dict() in torch")
        return self.storage(expect(storage_type, StorageType).dtype, expect(key, str), expect(count, int), *window[:1])


def expect(value: Any, kind: type) -> Any:
    """`value` if it is exactly of this kind (bool is no int)."""
    if type(value) is not kind:
        raise Refused(f"has a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def check_plain(result: Any, budget: int) -> None:
    """Refuse what is not made of plain values, contains itself, or unfolds to more than `budget` bytes of arrays."""
    sizes: dict[int, tuple[int, int]] = {}

    def measure(value: Any, depth: int) -> tuple[int, int]:
        """Nodes and bytes, shared parts counted every time."""
        if isinstance(value, np.ndarray):
            return 1, value.nbytes
        if isinstance(value, str | bytes | int | float | np.generic | Ignored | None):
            return 1, 0
        if type(value) not in (dict, list, tuple, set):
            raise Refused(f"holds a bare {type(value).__name__}, which is neither a tensor nor a plain value")
        if id(value) in sizes:
            if sizes[id(value)] == (0, 0):
                raise Refused("holds a container that contains itself")
            return sizes[id(value)]
        if depth > MOST_DEPTH:
            raise Refused(f"nests its containers more than {MOST_DEPTH} deep")
        sizes[id(value)] = (0, 0)
        parts = [measure(v, depth + 1) for v in (value.values() if isinstance(value, dict) else value)]
        total = (1 + sum(p[0] for p in parts), sum(p[1] for p in parts))
        if total[0] > MOST_NODES or total[1] > budget:
            raise Refused("unfolds to far more than the file holds")
        sizes[id(value)] = total
        return total

    if measure(result, 0)[1] > budget:
        raise Refused("unfolds to far more than the file holds")
