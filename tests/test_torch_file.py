"""PyTorch checkpoints are read without torch and without executing anything in them."""

import builtins
import io
import os
import pickle
import random
import struct
import time
import tracemalloc
import zipfile

import ml_dtypes
import numpy as np
import pytest
from torch_writer import MAGIC, SYSTEM, Call, Ordered, Parameter, Pickler, Storage, pickled, save, save_legacy, save_zip

from dgan_jax.convert.torch_file import read_torch, state_dict
from dgan_jax.convert.torch_pickle import Ignored

LAYOUTS = pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
DTYPES = [
    "float64",
    "float32",
    "float16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "complex64",
    "complex128",
]


def example() -> dict:
    weights = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
    return {
        "epoch": 12,
        "args": Call("argparse.Namespace", (), {"lr": 1e-3, "names": ["a", "b"]}),
        "netG_dict": Ordered(
            {
                "module.conv.weight": weights,
                "module.conv.transposed": weights.T,
                "module.conv.part": weights[1:3, ::2],
                "module.bias": Parameter(np.arange(3.0)),
                "module.steps": np.array(7),
                "module.empty": np.zeros((0, 3), np.float32),
                "module.brain": np.arange(4).astype(ml_dtypes.bfloat16),
            }
        ),
        "optimizer": {
            "state": {0: {"step": 3, "exp_avg": weights[0]}},
            "param_groups": [{"lr": 0.1, "betas": (0.5, 0.9)}],
        },
        "kinds": {kind: np.arange(5).astype(kind) for kind in DTYPES},
        "odds": [None, True, 2**80, -1, 2.5, b"\x00\xff", "text", (1, (2, 3))],
        "size": Call("torch.Size", ((1, 2),)),
        "device": Call("torch.device", ("cuda", 1)),
    }


def plain(value):
    """What the reader should make of what the writer was given."""
    match value:
        case Parameter():
            return value.data
        case Call("argparse.Namespace"):
            return value.state
        case Call("torch.Size"):
            return value.arguments[0]
        case Call("torch.device"):
            return "cuda:1"
        case dict():
            return {key: plain(part) for key, part in value.items()}
        case list() | tuple():
            return type(value)(plain(part) for part in value)
    return value


def assert_same(ours, theirs):
    assert type(ours) is type(theirs)
    match theirs:
        case dict():
            assert list(ours) == list(theirs)
            for key in theirs:
                assert_same(ours[key], theirs[key])
        case list() | tuple():
            assert len(ours) == len(theirs)
            for mine, other in zip(ours, theirs, strict=True):
                assert_same(mine, other)
        case np.ndarray():
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)
        case _:
            assert ours == theirs


def write_raw(path, data: bytes, legacy: bool) -> None:
    """A checkpoint around a pickle made by hand; a storage of one value is there if it is asked for."""
    storages = [Storage(np.ones(1, np.float32), "0")] if b"FloatStorage" in data else []
    (save_legacy if legacy else save_zip)(path, data, storages)


@LAYOUTS
def test_a_checkpoint_comes_back_as_plain_containers(tmp_path, legacy):
    path = tmp_path / "content.pth"
    save(example(), path, legacy=legacy)
    assert_same(read_torch(path), plain(example()))


def test_storages_shared_by_tensors_are_shared_again(tmp_path):
    save(example(), tmp_path / "content.pth")
    names = read_torch(tmp_path / "content.pth")["netG_dict"]
    assert np.shares_memory(names["module.conv.weight"], names["module.conv.transposed"])
    assert not names["module.conv.weight"].flags.writeable


def test_big_endian_values_are_turned_round(tmp_path):
    data, (storage,) = pickled({"w": np.arange(5, dtype=np.float32)}, False)
    with zipfile.ZipFile(tmp_path / "big.pt", "w") as archive:
        archive.writestr("big/data.pkl", data)
        archive.writestr("big/byteorder", "big")
        archive.writestr("big/data/0", storage.values.astype(">f4").tobytes())
    assert_same(read_torch(tmp_path / "big.pt"), {"w": np.arange(5, dtype=np.float32)})


class Touch:
    """Pickles to a call that would create a file."""

    def __init__(self, path, function):
        self.call = {
            "os.system": (os.system, (f"touch {path}",)),
            "eval": (builtins.eval, (f"open({str(path)!r}, 'w')",)),
            "open": (builtins.open, (str(path), "w")),
            "exec": (builtins.exec, (f"open({str(path)!r}, 'w')",)),
        }[function]

    def __reduce__(self):
        return self.call


HIDING = {
    "as the whole object": lambda evil: evil,
    "in a dict": lambda evil: {"netG_dict": {"weight": np.ones(2), "bias": evil}},
    "as a name": lambda evil: {(1, evil): 2},
    "as a parameter's data": lambda evil: Parameter(evil),
    "as a tensor's storage": lambda evil: Call("torch._utils._rebuild_tensor_v2", (evil, 0, (1,), (1,), False, {})),
    "as a tensor's size": lambda evil: Call("torch._utils._rebuild_tensor_v2", (np.ones(1), 0, evil, (1,), False, {})),
    "as a tensor's hooks": lambda evil: Call("torch._utils._rebuild_parameter", (np.ones(1), True, evil)),
    "in the items of an OrderedDict": lambda evil: Call("collections.OrderedDict", ([["weight", evil]],)),
    "in a state that is set": lambda evil: Call("collections.OrderedDict", (), {"_metadata": evil}),
    "in a Namespace": lambda evil: Call("argparse.Namespace", (), {"lr": evil}),
    "in a set": lambda evil: Call("builtins.set", ([evil],)),
    "twice, by memo": lambda evil: [[evil, evil], [evil]],
}


@LAYOUTS
@pytest.mark.parametrize("place", HIDING)
@pytest.mark.parametrize("function", ["os.system", "eval"])
def test_a_call_is_refused_and_not_made(tmp_path, legacy, place, function):
    path, trace = tmp_path / "evil.pt", tmp_path / "trace"
    save(HIDING[place](Touch(trace, function)), path, legacy=legacy)
    with pytest.raises(ValueError, match=r"evil.pt asks for (posix|nt|__builtin__|builtins)\.\w+; refusing to read it"):
        read_torch(path)
    assert not trace.exists()


@LAYOUTS
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_call_by_a_name_from_the_stack_is_refused_in_every_protocol(tmp_path, legacy, protocol):
    path, trace = tmp_path / "evil.pt", tmp_path / "trace"
    for function in ("os.system", "eval", "exec", "open"):
        write_raw(path, pickle.dumps({"weight": Touch(trace, function)}, protocol), legacy)
        with pytest.raises(ValueError, match="refusing to read it: a checkpoint of tensors needs no such thing"):
            read_torch(path)
        assert not trace.exists()


TRICKS = {
    "an instance": b"\x80\x02(U\x02idios\nsystem\n.",
    "an object": b"(cos\nsystem\nS'touch %s'\no.",
    "text put together by the machine": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x7ftouch %s\x85R.",
    "an extension code": b"\x80\x02\x82\x01)R.",
    "a state with __setstate__": b"\x80\x02ccollections\nOrderedDict\n)R}U\x0c__setstate__cos\nsystem\nsb.",
    "a state on a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}U\x08__code__cos\nsystem\nsb0}.",
    "state without os on a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}U\x0c__defaults__)sb0}.",
    "an attribute of a permitted name": b"\x80\x04\x8c\x05torch\x8c\x10Size.__class__.x\x93.",
    "a name through a permitted module": b"\x80\x02ctorch._utils\nsys.modules\n.",
    "a permitted name called as another": b"\x80\x02ctorch\nFloatStorage\n(K\x01tR.",
    "a string called": b"\x80\x02X\x02\x00\x00\x00os)R.",
    "a memo from outside": b"\x80\x02h\x07)R.",
    "a stack that is empty": b"\x80\x02R.",
    "a storage that is a module": b"\x80\x02(X\x06\x00\x00\x00moduleNNNNtQ.",
    "a bare function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n.",
    "a persistent text": b"\x80\x02Pstorage\n.",
}


@LAYOUTS
@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_of_the_stack_machine_is_refused(tmp_path, legacy, trick):
    path, trace = tmp_path / "evil.pt", tmp_path / "trace"
    data = TRICKS[trick]
    write_raw(path, data.replace(b"%s", os.fsencode(trace)), legacy)
    with pytest.raises(ValueError, match=r"evil\.pt"):
        read_torch(path)
    assert not trace.exists()


def nested(levels: int) -> bytes:
    """A tuple in a tuple in a tuple."""
    return b"\x80\x02)" + b"\x85" * levels


def laughs(levels: int) -> bytes:
    """A list of two references to a list of two references, and so on."""
    return b"\x80\x02]q\x000" + b"".join(b"](h%ch%ceq%c0" % (i, i, i + 1) for i in range(levels)) + b"h%c." % levels


BOMBS = {
    "a deep tuple": nested(50_000) + b".",
    "a deep tuple as a name": b"\x80\x02}" + nested(50_000)[2:] + b"K\x01s.",
    "a deep tuple in a set": b"\x80\x02cbuiltins\nset\n](" + nested(50_000)[2:] + b"e\x85R.",
    "a list of lists of lists": laughs(60),
    "lists as the size of a tensor": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(("
    + b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000NK\x01tQK\x00"
    + laughs(60)[2:-1]
    + b"\x85K\x01\x85tR.",
    "lists as a device": b"\x80\x02ctorch\ndevice\n" + laughs(60)[2:-1] + b"\x85R.",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "a far memo": b"\x80\x02K\x01r\xff\xff\xff\x7f0j\xff\xff\xff\x7f.",
    "a long text that is not there": b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b"x.",
    "a long number that is not there": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"x.",
    "long bytes that are not there": b"\x80\x05\x96" + struct.pack("<Q", 2**50) + b"x.",
    "a long frame": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"K\x01.",
    "marks without end": b"\x80\x02" + b"(" * 50_000 + b".",
}
HARMLESS = {"a far memo", "a long frame"}


@LAYOUTS
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_does_not_go_off(tmp_path, legacy, bomb):
    path = tmp_path / "bomb.pt"
    write_raw(path, BOMBS[bomb], legacy)
    tracemalloc.start()
    begin = time.perf_counter()
    try:
        if bomb in HARMLESS:
            assert read_torch(path) == 1
        else:
            with pytest.raises(ValueError, match=r"bomb\.pt"):
                read_torch(path)
        assert tracemalloc.get_traced_memory()[1] < 2**28
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - begin < 60


def rebuild(size, stride, offset=0, values=6):
    """A checkpoint of one tensor whose storage has `values` elements."""
    storage = np.arange(values, dtype=np.float32)

    class Odd(Pickler):
        def reducer_override(self, obj):
            if isinstance(obj, np.ndarray):
                arguments = (self.storage(obj), offset, size, stride, False, None)
                return self.name("torch._utils._rebuild_tensor_v2"), arguments
            return NotImplemented

    return Odd, storage


@LAYOUTS
@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((7,), (1,), 0),
        ((3, 2), (3, 1), 0),
        ((2,), (1,), 5),
        ((1,), (1,), 6),
        ((1,), (1,), -1),
        ((2,), (-1,), 5),
        ((-1,), (1,), 0),
        ((2, 2), (1,), 0),
        ((2,), (2**62,), 0),
        ((2**70,), (0,), 0),
        ((2**40,), (0,), 0),
        ((1,) * 70, (1,) * 70, 0),
        ((True,), (1,), 0),
        ((2.0,), (1,), 0),
        ("ab", (1, 1), 0),
        (None, (1,), 0),
    ],
)
def test_a_tensor_that_leaves_its_storage_is_refused(tmp_path, legacy, size, stride, offset):
    kind, storage = rebuild(size, stride, offset)
    file = io.BytesIO()
    pickler = kind(file, legacy)
    pickler.dump({"w": storage})
    (save_legacy if legacy else save_zip)(tmp_path / "odd.pt", file.getvalue(), list(pickler.storages.values()))
    with pytest.raises(ValueError, match=r"odd\.pt"):
        read_torch(tmp_path / "odd.pt")


def test_a_tensor_cannot_serve_as_a_storage(tmp_path):
    """An expanded tensor taken for a storage would let the next one read beyond the values."""
    inner = Call("torch._utils._rebuild_tensor_v2", (np.ones(3), 0, (2,), (1,), False, None))
    save({"w": inner}, tmp_path / "odd.pt")
    with pytest.raises(ValueError, match=r"odd\.pt describes a tensor without a storage"):
        read_torch(tmp_path / "odd.pt")


def test_archives_that_no_torch_writes_are_refused(tmp_path):
    path = tmp_path / "odd.pt"
    data, storages = pickled({"w": np.zeros(1_000_000)}, False)
    save_zip(path, data, storages, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="has compressed entries"):
        read_torch(path)

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("odd/data.pkl", data)
    with pytest.raises(ValueError, match="lacks the values of storage 0"):
        read_torch(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("odd/data/0", b"short")
    with pytest.raises(ValueError, match="has 5 bytes for storage 0 of 1000000 float64"):
        read_torch(path)

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("odd/code.py", "import os")
    with pytest.raises(ValueError, match=r"without a data\.pkl"):
        read_torch(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("odd/constants.pkl", b"")
    with pytest.raises(ValueError, match="TorchScript"):
        read_torch(path)


def test_entries_that_share_their_bytes_are_refused(tmp_path):
    path = tmp_path / "overlap.pt"
    save({"a": np.ones(1000), "b": np.ones(1000)}, path)
    data = path.read_bytes()
    # The directory's entry of storage 1 is led to the bytes of storage 0.
    first, second = (data.rindex(b"overlap/data/%d" % k) - 46 for k in range(2))
    start = data[first + 42 : first + 46]
    path.write_bytes(data[: second + 42] + start + data[second + 46 :])
    with pytest.raises(ValueError, match=r"overlap\.pt"):
        read_torch(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no PyTorch checkpoint: it is empty"),
        (b"hello", "neither a zip archive nor a pickle"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (pickle.dumps({"a": 1}), "is a pickle but no PyTorch checkpoint"),
        (pickle.dumps(MAGIC, 2) + pickle.dumps(1002, 2), "another protocol version than 1001"),
        (pickle.dumps(MAGIC, 2) + pickle.dumps(1001, 2) + pickle.dumps(SYSTEM, 2), "is damaged"),
        (b"PK\x03\x04 and no more", "is damaged"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_told_what_it_is(tmp_path, content, says):
    path = tmp_path / "content.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=says):
        read_torch(path)


def test_a_file_that_is_absent_a_folder_or_too_large_is_told_so(tmp_path):
    with pytest.raises(ValueError, match="absent does not exist, wanted a PyTorch checkpoint"):
        read_torch(tmp_path / "absent")
    with pytest.raises(ValueError, match="is a folder, wanted a PyTorch checkpoint"):
        read_torch(tmp_path)
    save({"a": 1}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="more than the limit of 100"):
        read_torch(tmp_path / "a.pt", limit=100)


@LAYOUTS
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, legacy):
    path = tmp_path / "content.pth"
    save(example(), path, legacy=legacy)
    data = path.read_bytes()
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"content\.pth"):
            read_torch(path)


@LAYOUTS
def test_a_damaged_file_gives_a_checkpoint_or_one_sentence(tmp_path, legacy):
    path = tmp_path / "content.pth"
    save(example(), path, legacy=legacy)
    data, rng = path.read_bytes(), random.Random(0)
    sentences = []
    tracemalloc.start()
    try:
        for _ in range(300):
            damaged = bytearray(data)
            for _ in range(rng.choice((1, 1, 1, 4))):
                damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(damaged)
            try:
                read_torch(path)
            except ValueError as error:
                sentences.append(str(error))
        assert tracemalloc.get_traced_memory()[1] < 2**27
    finally:
        tracemalloc.stop()
    assert len(sentences) > 100
    assert all("content.pth" in sentence and len(sentence) < 500 for sentence in sentences)


def test_objects_of_ignored_modules_are_not_made(tmp_path):
    callbacks = {
        "checkpoint": Call("pytorch_lightning.callbacks.ModelCheckpoint", (1,), {"best": Call("os.getcwd", ())})
    }
    save({"state_dict": {"w": np.ones(2)}, "callbacks": callbacks}, tmp_path / "last.ckpt")
    with pytest.raises(ValueError, match=r"asks for pytorch_lightning\.callbacks\.ModelCheckpoint; refusing"):
        read_torch(tmp_path / "last.ckpt")
    with pytest.raises(ValueError, match=r"asks for os\.getcwd"):
        read_torch(tmp_path / "last.ckpt", ignore=["pytorch_lightning"])
    read = read_torch(tmp_path / "last.ckpt", ignore=["pytorch_lightning.callbacks", "os.getcwd"])
    assert read["callbacks"] == {"checkpoint": Ignored("pytorch_lightning.callbacks.ModelCheckpoint")}


ONE, TWO = np.ones(1), np.ones(2)


@pytest.mark.parametrize(
    ("checkpoint", "options", "names"),
    [
        ({"a.weight": ONE, "steps": 3}, {}, ["a.weight"]),
        ({"module.a": ONE, "module.b": TWO}, {}, ["a", "b"]),
        ({"_orig_mod.module.a": ONE}, {}, ["a"]),
        ({"module.a": ONE, "b": TWO}, {}, ["module.a", "b"]),
        ({"epoch": 1, "netG_dict": {"module.a": ONE}, "optimizerG": {}}, {}, ["a"]),
        ({"model": {"state_dict": {"a": ONE}}}, {}, ["a"]),
        ({"params": {"a": ONE}, "params_ema": {"b": ONE}}, {}, ["b"]),
        ({"params": {"a": ONE}, "params_ema": {"b": ONE}}, {"entry": "params"}, ["a"]),
        ({"gen": {"deep": {"a": ONE}}}, {"entry": "gen.deep"}, ["a"]),
        ({"state_dict": {"generator.a": ONE, "critic.a": TWO}}, {"prefix": "generator."}, ["a"]),
        ({"state_dict": {"module.generator.a": ONE, "module.critic.a": TWO}}, {"prefix": "critic."}, ["a"]),
    ],
)
def test_a_network_is_found_by_the_usual_entries(checkpoint, options, names):
    assert list(state_dict(checkpoint, **options)) == names


@pytest.mark.parametrize(
    ("checkpoint", "options", "says"),
    [
        ({"optim": {"a": ONE}, "step": 1}, {}, r"no tensors in the checkpoint's outermost entries \(optim, step\)"),
        ([ONE], {}, "no tensors"),
        ({"netG_dict": {"a": ONE}}, {"entry": "netG_dist"}, "did you mean 'netG_dict'"),
        ({"generator.a": ONE}, {"prefix": "generater."}, "did you mean 'generator.'"),
    ],
)
def test_a_network_that_is_not_there_is_named(checkpoint, options, says):
    with pytest.raises(ValueError, match=says):
        state_dict(checkpoint, **options)


def test_averages_without_names_take_the_places_of_their_tensors():
    model = {"module.sigmas": np.ones(9), "module.a": np.ones((2, 2)), "module.b": np.ones(2), "module.c": np.ones(2)}
    shadows = [np.full((2, 2), 2.0), np.full(2, 3.0), np.full(2, 4.0)]
    found = state_dict({"model": model, "ema": {"decay": 0.9, "shadow_params": shadows}, "optimizer": {}})
    assert [found[name].max() for name in ("sigmas", "a", "b", "c")] == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="1 of the checkpoint's 3 averages fit no tensor"):
        state_dict({"model": {"module.a": np.ones((2, 2)), "module.b": np.ones(2)}, "ema": {"shadow_params": shadows}})


def test_of_a_list_of_entries_the_last_network_is_taken():
    found = state_dict([{"module.a": np.ones(1)}, {"state": {}}, 3, 400, {"module.a": np.full(1, 2.0)}])
    assert found["a"] == 2
