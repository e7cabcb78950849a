import threading
import time

import numpy as np
import pytest
from PIL import Image

from dgan_jax.data.pipeline import Batches, cut, evaluation, prefetch, to_bytes, to_unit
from dgan_jax.data.sources import open_source
from dgan_jax.data.store import Memory, OnDemand


def photographs(count: int, low: int = 16, high: int = 24) -> Memory:
    rng = np.random.default_rng(0)
    sizes = rng.integers(low, high + 1, (count, 2))
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    return Memory(images, [f"photo {i}" for i in range(count)], labels=np.arange(count) % 3, classes=3)


def numbered(count: int, size: int = 8) -> Memory:
    """Image i has the value i everywhere."""
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, size, size, 1))
    return Memory(images, [str(i) for i in range(count)])


def lazily(source: Memory, *, sizes: bool) -> OnDemand:
    decode = lambda i: (source.images[i], 0)
    known = source.sizes if sizes else None
    return OnDemand(len(source), decode, source.name, channels=3, sizes=known, workers=2)


def same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], other[key])


def test_bytes_survive_the_range_of_the_networks():
    values = np.arange(256, dtype=np.uint8)
    unit = to_unit(values)
    assert (unit.dtype, float(unit[0]), float(unit[-1])) == (np.float32, -1.0, 1.0)
    np.testing.assert_array_equal(to_bytes(unit), values)
    np.testing.assert_array_equal(to_bytes(np.array([-3.0, 3.0, 0.001])), [0, 255, 128])


def test_a_batch_depends_on_seed_and_step_alone():
    source = photographs(7)
    first, second = (Batches(source, 4, 12, seed=3) for _ in range(2))
    for step in (9, 0, 5):
        same(first[step], second[step])
    assert first[0]["image"].shape == (4, 12, 12, 3)
    assert (first[0]["image"].dtype, first[0]["label"].dtype) == (np.uint8, np.int32)
    assert np.any(first[0]["image"] != first[1]["image"])
    assert np.any(first[0]["image"] != Batches(source, 4, 12, seed=4)[0]["image"])


@pytest.mark.parametrize("processes", [2, 4])
def test_the_parts_of_all_processes_are_the_batch_of_one(processes):
    source = photographs(11)
    whole = Batches(source, 8, (10, 14), seed=1)
    parts = [Batches(source, 8, (10, 14), seed=1, process=(i, processes)) for i in range(processes)]
    for step in (0, 1, 7):
        pieces = [part[step] for part in parts]
        same(whole[step], {key: np.concatenate([piece[key] for piece in pieces]) for key in pieces[0]})


def test_every_epoch_shows_every_image_once_in_an_order_of_its_own():
    batches = Batches(numbered(10), 4, 8)
    shown = np.concatenate([batches[step]["image"][:, 0, 0, 0] for step in range(5)])
    assert sorted(shown[:10]) == sorted(shown[10:]) == list(range(10))
    assert shown[:10].tolist() != shown[10:].tolist()
    assert batches.epoch == 2


def test_a_batch_may_be_larger_than_the_data():
    shown = Batches(numbered(3), 8, 8)[0]["image"][:, 0, 0, 0]
    assert [sorted(shown[:3]), sorted(shown[3:6])] == [[0, 1, 2]] * 2


def test_crops_and_flips_reach_every_place():
    place = np.arange(36, dtype=np.uint8).reshape(1, 6, 6, 1)
    source = Memory(place, ["a"])
    batches = Batches(source, 64, 4)
    seen = {tuple(crop[0, [0, -1], 0]) for step in range(4) for crop in batches[step]["image"]}
    corners = [6 * top + left for top in range(3) for left in range(3)]
    assert seen == {(c, c + 3) for c in corners} | {(c + 3, c) for c in corners}
    plain = Batches(source, 64, 4, flip=False)[0]["image"]
    assert np.all(plain[:, 0, 0, 0] < plain[:, 0, -1, 0])


def test_the_centre_is_the_middle():
    image = np.zeros((9, 6, 1), np.uint8)
    image[2:6, 1:5] = 1
    assert cut([image], (4, 4)).all()
    assert Batches(Memory([image], ["a"]), 2, 4, crop="centre")[0]["image"].all()


def test_the_same_batches_come_from_memory_and_on_demand():
    source = photographs(30, 12, 24)  # image sizes are checked before or after decoding
    source.images[4] = source.images[4][:6]
    source = Memory(source.images, [source.name(i) for i in range(30)])
    with pytest.warns(UserWarning, match="1 of 30 images are smaller than the crop and left out: photo 4 is 6x"):
        expected = Batches(source, 15, 12)
    assert expected.skipped == 1
    with pytest.warns(UserWarning, match="photo 4"):
        sized = Batches(lazily(source, sizes=True), 15, 12)
    late = Batches(lazily(source, sizes=False), 15, 12)
    for step in range(2):
        same(expected[step], sized[step])
    with pytest.warns(UserWarning, match="the next image takes its place: photo 4"):
        shapes = {late[step]["image"].shape for step in range(2)}
    assert shapes == {(15, 12, 12, 3)}


def test_every_image_that_is_large_enough_is_seen_equally_often():
    """However many stand before it that are not."""
    source = photographs(30, 12, 24)
    source.images[:20] = [image[:6] for image in source.images[:20]]
    source = Memory(source.images, [source.name(i) for i in range(30)])
    with pytest.warns(UserWarning, match=r"20 of 30 images are smaller than the crop and left out.*--data.resize 12"):
        batches = Batches(source, 5, 12)
    assert (batches.images, batches.skipped, batches.epoch) == (10, 20, 2)
    for epoch in range(3):
        seen = np.concatenate([batches.index(2 * epoch), batches.index(2 * epoch + 1)])
        assert sorted(seen) == list(range(20, 30))


@pytest.mark.parametrize("sizes", [True, False])
def test_images_of_another_size_are_left_out_of_what_is_not_cut(sizes):
    source = Memory([np.full((12 + (i == 3), 12, 3), i, np.uint8) for i in range(6)], "abcdef")
    source = source if sizes else lazily(source, sizes=False)
    with pytest.warns(UserWarning, match="d is 13x12"):
        shown = Batches(source, 6, 12, crop="none")[0]["image"]
    assert shown.shape == (6, 12, 12, 3)
    assert 3 not in shown


def test_an_evaluation_leaves_out_what_turns_out_too_small():
    source = Memory([np.full((12 - (i == 3), 12, 3), i, np.uint8) for i in range(6)], "abcdef")
    with pytest.warns(UserWarning, match="left out 1 of 2 images: d is 11x12"):
        pairs = list(evaluation(lazily(source, sizes=False), 12, batch=2))
    assert np.concatenate([index for index, _ in pairs]).tolist() == [0, 1, 2, 4, 5]
    assert np.concatenate([batch["image"][:, 0, 0, 0] for _, batch in pairs]).tolist() == [0, 1, 2, 4, 5]


def test_images_that_are_too_small_are_explained():
    with pytest.raises(ValueError, match=r"photo \d is \d+x\d+ .* wanted 20x20, and all 9 images .*--data.resize 20"):
        Batches(photographs(9, 12, 19), 4, 20)
    with (
        pytest.warns(UserWarning, match="takes its place"),
        pytest.raises(ValueError, match=r"photo .* wanted 64x64, and those after it too; .*--data.size"),
    ):
        Batches(lazily(photographs(9), sizes=False), 4, 64)[0]
    with pytest.raises(ValueError, match=r"all 9 images are of another size; try --data.crop"):
        Batches(photographs(9, 17, 30), 4, 16, crop="none")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch must be at least 1"),
        ({"batch": 6, "process": (0, 4)}, "a batch of 6 cannot be divided among 4 processes"),
        ({"batch": 4, "process": (4, 4)}, "index < count"),
        ({"batch": 4, "seed": -1}, "seed must not be negative"),
        ({"batch": 4, "crop": "center"}, "did you mean 'centre'"),
        ({"batch": 4, "size": 0}, "at least 1 pixel"),
    ],
)
def test_wrong_options_are_explained(options, message):
    with pytest.raises(ValueError, match=message):
        Batches(photographs(5), **{"size": 12, **options})


def test_evaluation_takes_every_image_once_in_order():
    pairs = list(evaluation(photographs(10), 12, batch=4))
    assert [len(index) for index, _ in pairs] == [4, 4, 2]
    assert np.concatenate([index for index, _ in pairs]).tolist() == list(range(10))
    assert pairs[2][1]["image"].shape == (2, 12, 12, 3)
    assert pairs[0][1]["label"].tolist() == [0, 1, 2, 0]
    assert sum(len(index) for index, _ in evaluation(photographs(10), 12, batch=4, limit=5)) == 5


def test_evaluation_without_a_crop_keeps_every_size():
    source = photographs(5)
    for index, batch in evaluation(source, crop="none"):
        np.testing.assert_array_equal(batch["image"][0], source.images[index[0]])
    with pytest.raises(ValueError, match="needs a size"):
        evaluation(source)


def test_a_folder_of_photographs_becomes_batches(tmp_path):
    for i in range(6):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (20 + i, 30, 3), np.uint8)).save(
            tmp_path / f"{i}.png"
        )
    held, lazy = (Batches(open_source(tmp_path, memory=m), 6, 16) for m in (2**30, 0))
    for step in range(3):
        same(held[step], lazy[step])


def test_small_images_in_memory_come_fast_enough():
    source = Memory(np.zeros((2000, 32, 32, 3), np.uint8), ["x"] * 2000)
    batches = Batches(source, 256, 32)
    batches[0]
    start = time.perf_counter()
    for step in range(20):
        batches[step]
    assert 20 * 256 / (time.perf_counter() - start) > 20_000  # 250 000 on an idle core


def test_prefetch_gives_the_batches_in_order_from_any_step():
    batches = Batches(photographs(7), 4, 12)
    with prefetch(batches, 5, 2, put=lambda batch: batch["image"]) as ready:
        for step in range(5, 9):
            np.testing.assert_array_equal(next(ready), batches[step]["image"])


def test_prefetch_stays_at_its_depth_and_ends_when_closed():
    made = []

    class Steps:
        def __getitem__(self, step):
            made.append(step)
            return step

    before = threading.active_count()
    ready = prefetch(Steps(), 0, 3)
    assert next(ready) == 0
    time.sleep(0.2)
    assert len(made) == 5  # one taken, three ready, one in hand
    ready.close()
    assert threading.active_count() == before
    with pytest.raises(StopIteration):
        next(ready)
    dropped = prefetch(Steps(), 0, 3)
    assert next(dropped) == 0
    del dropped
    assert threading.active_count() == before


def test_prefetch_raises_what_its_thread_met():
    class Broken:
        def __getitem__(self, step):
            if step == 2:
                raise IndexError("the third step is broken")
            return step

    ready = prefetch(Broken())
    assert [next(ready), next(ready)] == [0, 1]
    with pytest.raises(IndexError, match="the third step is broken"):
        next(ready)
