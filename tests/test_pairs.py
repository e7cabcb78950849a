"""Pairs of good and damaged pictures: how they are found, checked and cut, and the task that learns from them."""

import dataclasses
import warnings

import jax
import numpy as np
import pytest
import tiny
from PIL import Image

from dgan_jax import api, systems
from dgan_jax.cli.main import main
from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.data import pairs
from dgan_jax.data.options import open_data
from dgan_jax.data.pipeline import Batches, evaluation, examples
from dgan_jax.data.tiles import tiles
from dgan_jax.systems.diffusion_gan import dgan
from dgan_jax.tasks.paired import Paired
from dgan_jax.train import preview
from dgan_jax.train.configs import from_dict, to_dict
from dgan_jax.train.log import read
from dgan_jax.train.runs import built, check_pairs, experiment_of, state_like


def faded(image):
    """Pale colours and a dark line in every fourth row: no task of ours makes such damage."""
    pale = 0.6 * image + 0.4 * image.mean(-1, keepdims=True)
    pale[::4] *= 0.4
    return np.round(pale).astype(np.uint8)


def smooth(seed, size=(24, 20)):
    small = np.random.default_rng(seed).integers(0, 256, (size[1] // 4, size[0] // 4, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))


def written(folder, names, change=lambda image: image, suffix=".png", size=(24, 20)):
    for i, name in enumerate(names):
        place = folder / (name + suffix)
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(change(smooth(i, size))).save(place)
    return str(folder)


NAMES = ["a", "b", "sub/a", "sub/C"]


@pytest.fixture
def folders(tmp_path):
    """Data of two folders; endings and case of the damaged ones are others."""
    good = written(tmp_path / "clean", NAMES)
    bad = written(tmp_path / "damaged", [name.lower() for name in NAMES], faded, ".bmp")
    return Data(name=good, damaged=bad, size=16, batch=4, validation=0)


def test_pairs_are_found_by_their_names_in_sub_folders_too(folders):
    source = open_data(folders, "train")
    assert len(source) == 4
    for image in source.gather(np.arange(4))[0]:
        np.testing.assert_array_equal(image[..., 3:], faded(image[..., :3]))


def test_both_are_cut_and_mirrored_alike(folders):
    batch = Batches(open_data(folders, "train"), 4, 16, seed=3)[5]
    assert batch["image"].shape == batch["damaged"].shape == (4, 16, 16, 3)
    rows = [faded_at(image, damaged) for image, damaged in zip(batch["image"], batch["damaged"], strict=True)]
    assert len(set(rows)) > 1, "crops begin at different rows"
    (_, whole), *_ = evaluation(open_data(folders, "train"), 16, batch=4)
    assert {"image", "damaged"} == set(whole)
    (_, piece), *_ = tiles(open_data(folders, "train"), 16)
    assert piece["damaged"].shape == (4, 16, 16, 3)


def faded_at(image, damaged):
    """The row of the original at which a crop begins, modulo 4; an error if it is no crop of one."""
    for row in range(4):
        padded = np.concatenate([image[:1]] * row + [image]) if row else image
        if np.array_equal(faded(padded)[row:], damaged):
            return row
    raise AssertionError("not the damage of this crop")


def test_what_has_no_partner_is_left_out_and_said(folders, tmp_path):
    written(tmp_path / "clean", ["lonely"])
    with pytest.warns(UserWarning, match=r"1 pictures without a partner.*lonely"):
        assert len(open_data(folders, "train")) == 4
    empty = written(tmp_path / "others", ["x"])
    with pytest.raises(ValueError, match=r"no picture in .* has a partner"):
        open_data(dataclasses.replace(folders, damaged=empty), "train")
    with pytest.raises(ValueError, match="is no folder"):
        open_data(dataclasses.replace(folders, damaged=str(tmp_path / "nothing")), "train")


def test_sizes_that_do_not_fit_are_left_out_with_their_numbers(folders, tmp_path):
    Image.fromarray(smooth(0)[:-1]).save(tmp_path / "damaged" / "a.bmp")
    with pytest.warns(UserWarning, match=r"24x20 and .* 24x19 pixels; wanted the same size"):
        assert len(open_data(folders, "train")) == 3


def test_pairs_of_which_none_fits_are_an_error(folders, tmp_path):
    for path in (tmp_path / "damaged").rglob("*.bmp"):
        Image.fromarray(smooth(0)[:13]).save(path)
    with pytest.raises(ValueError, match=r"none of the 4 pairs .* 24x13 pixels"):
        open_data(folders, "train")


def test_a_shift_that_all_pairs_have_is_said(tmp_path):
    good = written(tmp_path / "clean", "abcd", size=(64, 64))
    bad = written(tmp_path / "damaged", "abcd", lambda image: np.roll(image, (2, -3), (0, 1)), size=(64, 64))
    data = Data(name=good, damaged=bad, size=16, validation=0)
    with pytest.warns(UserWarning, match=r"shifted by -3 pixels to the right and \+2 down"):
        open_data(data, "train")
    written(tmp_path / "damaged", "abcd", faded, size=(64, 64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_data(data, "train")


def test_smaller_damaged_pictures_keep_their_place(tmp_path):
    good = written(tmp_path / "clean", "abcd")
    bad = written(tmp_path / "damaged", "abcd", lambda image: image[::2, ::2])
    source = open_data(Data(name=good, damaged=bad, validation=0), "train")
    assert source.scale == 2
    batch = Batches(source, 4, 8, seed=1, flip=False)[0]
    np.testing.assert_array_equal(batch["damaged"][:, ::2, ::2], batch["image"][:, ::2, ::2])
    given = Paired(scale=2).damage(None, jax.tree.map(lambda x: x[0], examples(batch)))
    assert given["image"].shape == (4, 4, 3)
    assert Paired(scale=2).observe(given)["image"].shape == (8, 8, 3)


def test_an_array_file_holds_both(tmp_path):
    good = np.stack([smooth(i) for i in range(5)])
    np.savez(tmp_path / "p.npz", image=good, damaged=np.stack([faded(image) for image in good]))
    data = Data(name=str(tmp_path / "p.npz"), damaged="damaged", size=16, batch=2, validation=0.3)
    train, held = open_data(data, "train"), open_data(data, "validation")
    assert len(train) + len(held) == 5
    image = train.gather(np.array([0]))[0][0]
    np.testing.assert_array_equal(image[..., 3:], faded(image[..., :3]))
    with pytest.raises(ValueError, match="names the entry"):
        open_data(dataclasses.replace(data, damaged="other"), "train")
    np.savez(tmp_path / "alone.npz", image=good)
    with pytest.raises(ValueError, match="has no entry 'damaged'"):
        open_data(dataclasses.replace(data, name=str(tmp_path / "alone.npz")), "train")


def experiment(data, steps=2):
    tiny = dgan.Config(
        steps=2, restore_steps=2, wavelet_levels=1, estimator_features=(8,), estimator_blocks=(1,), features=(8,),
        blocks=(1,), critic_features=(4,), critic_blocks=(1,), latent=4, estimate_share=1.0, realism=0.0,
        learning_rate=1e-2, ema=0.9,
    )  # fmt: skip
    train = Train(steps=steps, log_every=steps, sample_every=0, checkpoint_every=steps, devices=1)
    return Experiment(system=tiny, task=Paired(), data=data, train=train)


def test_what_does_not_go_together_is_said(folders, tmp_path):
    plain = dataclasses.replace(folders, damaged="")
    with pytest.raises(ValueError, match=r"'paired' needs pairs; give --data\.damaged"):
        check_pairs(experiment(plain), open_data(plain, "train"))
    inpaint = dataclasses.replace(api.load_config("dgan_quickstart"), data=folders)
    with pytest.raises(ValueError, match=r"makes its damage itself; leave out --data\.damaged"):
        check_pairs(inpaint, open_data(folders, "train"))
    larger = dataclasses.replace(experiment(folders), task=Paired(scale=3))
    with pytest.raises(ValueError, match=r"are 1 times smaller; give --task\.scale 1"):
        check_pairs(larger, open_data(folders, "train"))
    with pytest.raises(ValueError, match=r"task\.scale must be"):
        Paired(scale=0)
    with pytest.raises(ValueError, match="labels"):
        open_data(dataclasses.replace(folders, classes=2), "train")


def able():
    """The tiny experiment of each system that says it does pairs."""
    found = {}
    for one in tiny.found():
        module = systems.module_of(one.experiment.system)
        if "paired" in module.TASKS and one.experiment.train.steps:
            found.setdefault(systems.name_of(one.experiment.system), one.experiment)
    return found


ABLE = able()


@pytest.mark.parametrize("name", ABLE)
def test_every_conditional_system_is_built_for_pairs(name):
    own = ABLE[name]
    data = dataclasses.replace(own.data, damaged="damaged", classes=0)
    on_pairs = dataclasses.replace(own, task=Paired(), data=data, solver=None)
    system = built(on_pairs)
    state = state_like(on_pairs, system, 0)
    image = jax.ShapeDtypeStruct((1, data.size, data.size, data.channels), np.float32)
    y = jax.eval_shape(jax.vmap(lambda x: on_pairs.task.observe({"image": x})), image)
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 1))
    assert jax.eval_shape(system.restore, state.variables(system.remembered), y, keys).shape == image.shape


def test_the_small_image_of_a_pair_is_seen_at_its_own_size():
    own = ABLE["srddgan"]
    data = dataclasses.replace(own.data, damaged="damaged")
    shape = (data.size, data.size, data.channels)
    small = jax.ShapeDtypeStruct((1, shape[0] // 2, shape[1] // 2, shape[2]), np.float32)
    read = {}
    for scale, image in ((1, jax.ShapeDtypeStruct((1, *shape), np.float32)), (2, small)):
        on_pairs = dataclasses.replace(own, task=Paired(scale=scale), data=data)
        system = built(on_pairs)
        y = jax.eval_shape(jax.vmap(lambda x, task=on_pairs.task: task.observe({"image": x})), image)
        read[scale] = (
            system.players["generator"].inputs(jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), y))[-1].shape
        )
        state = state_like(on_pairs, system, 0)
        keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 1))
        restored = jax.eval_shape(system.restore, state.variables(system.remembered), y, keys)
        assert restored.shape == (1, *shape)
    assert read == {1: (1, *shape), 2: small.shape}


@pytest.mark.parametrize("name", ["context_encoder", "lsgan_inpaint", "lama", "deepfill_v2", "partial_conv"])
def test_what_fills_holes_alone_says_so(name, folders):
    config = systems.find(name).Config()
    with pytest.raises(ValueError, match=rf"'{name}' fills holes alone.*dgan systems paired"):
        built(Experiment(system=config, task=Paired(), data=folders))


def test_the_config_is_found_and_comes_back_from_a_file():
    found = api.load_config("dgan_pairs")
    assert found.task == Paired()
    assert from_dict(to_dict(found)) == found


def pale(image):
    return (image // 2 + 90).astype(np.uint8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(folder of a run on pairs, its data, what an observer was told)."""
    place, told = tmp_path_factory.mktemp("pairs"), []
    good = written(place / "clean", [f"{i}" for i in range(8)])
    bad = written(place / "damaged", [f"{i}" for i in range(8)], pale)
    data = Data(name=good, damaged=bad, size=16, batch=4, validation=0.3)
    own = experiment(data, steps=150)
    own = dataclasses.replace(own, train=dataclasses.replace(own.train, sample_every=100))
    api.train(own, place / "run", observe=told.append)
    return place / "run", data, told


def test_a_run_learns_own_damage_is_measured_and_restores(trained):
    run, data, _ = trained
    assert experiment_of(run).data.damaged == data.damaged
    report = api.evaluate([str(run)], fill=True, size=16, batch=2, limit=4)
    figures = {row[0]: row for row in report.table()}
    assert len(figures) == 2
    psnr = {name: float(str(row[1]).split()[0].strip("*≈")) for name, row in figures.items()}
    # The row says which answer of the run it is.
    ours, damaged = (next(psnr[name] for name in psnr if name.startswith("run") is own) for own in (True, False))
    assert ours > damaged + 3
    assert api.evaluate([str(run)], data=data.name, damaged=data.damaged, size=16, batch=2, limit=4).table()
    with pytest.raises(ValueError, match="--damaged"):
        api.evaluate([str(run)], data=data.name, size=16, batch=2, limit=4)
    restorer = api.restoring("paired", run=run)
    good = smooth(9, (40, 30))
    restored = restorer(pale(good))(0)
    error = lambda image: np.abs(image.astype(float) - good).mean()
    assert restored.shape == good.shape
    assert error(restored) < error(pale(good)) / 2


def test_a_training_shows_psnr_on_held_out_images_beside_what_it_was(trained):
    run, data, told = trained
    shown = [now for now in told if now.stage == "held-out images"]
    assert [now.step for now in shown] == [100, 150]
    (_, batch), *_ = evaluation(open_data(data, "validation"), 16, batch=preview.COUNT)
    last = shown[-1].metrics
    assert last[preview.ESTIMATE] == pytest.approx(preview.psnr(batch["image"], batch["damaged"]), abs=0.01)
    assert last[preview.ANSWER] > last[preview.ESTIMATE] + 3
    assert abs(last[preview.BEGIN] - last[preview.ESTIMATE]) < 3
    rows = [row for row in read(run / "log.jsonl") if preview.ANSWER in row]
    assert [row["step"] for row in rows] == [0, 100, 150]
    assert rows[0][preview.ANSWER] == last[preview.BEGIN]
    assert all(name.endswith("_dB") for name in last)
    assert any("estimator/error_dB" in row for row in read(run / "log.jsonl"))


def test_sample_of_a_restorer_shows_what_it_restores_of_what_it_held_out(trained, tmp_path, capsys):
    run, data, _ = trained
    assert main(["sample", str(run), "--count", "2", "-o", str(tmp_path)]) == 0
    capsys.readouterr()
    columns = api.held_out(run, 2)
    (_, batch), *_ = evaluation(open_data(data, "validation"), 16, batch=2, limit=2)
    for name, wanted in (("original", "image"), ("damaged", "damaged"), ("first estimate", "damaged")):
        np.testing.assert_array_equal(columns[name], batch[wanted])
    for i, image in enumerate(columns["restored"]):
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / f"{i:05d}.png")), image)
    assert Image.open(tmp_path / "grid.png").width > 4 * 100
    assert main(["sample", str(run), "--label", "1", "-o", str(tmp_path)]) == 2
    assert "--label is for runs that draw" in capsys.readouterr().err
    with pytest.raises(ValueError, match="--count"):
        api.held_out(run, 0)


def test_of_a_file_that_is_unlike_its_header_no_pixel_is_believed(tmp_path):
    (tmp_path / "p.npz").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(ValueError, match="cannot be read"):
        pairs.open_pairs(str(tmp_path / "p.npz"), "damaged", "train")
