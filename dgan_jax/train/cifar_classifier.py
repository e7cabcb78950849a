"""How the judge behind `is_cifar`, `fid_cifar`, `precision_cifar` and `recall_cifar` is trained.

Jordan 2024, arXiv 2404.00498: one cycle of Nesterov SGD, labels smoothed by 0.2, each image mirrored in every other
epoch, moved by up to 2 pixels, and weights that are drawn back to their own average. A checkpoint of each whole epoch
lies beside the result, and the same call goes on from it.
"""

import dataclasses
import io
import itertools
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL import Image

from dgan_jax.core.machine import hardware, versions
from dgan_jax.data.safetensors_file import read_weights, write_weights
from dgan_jax.nets.cifar_classifier import CLASSES, DEVIATION, MEAN, SIDE, CifarClassifier, fold

NET = CifarClassifier()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """rate, decay: of one image, as in the paper; a batch of mean loss takes `batch` times as much."""

    epochs: int = 10
    batch: int = 250
    rate: float = 11.5 / 7850
    decay: float = 0.0153 / 11.5
    momentum: float = 0.85
    norm_rate: float = 64.0
    smoothing: float = 0.2
    moved: int = 2
    every: int = 5
    kept: float = 0.95
    seed: int = 0


class Images(NamedTuple):
    """pixels: [N, 32, 32, 3] uint8; labels: [N]."""

    pixels: np.ndarray
    labels: np.ndarray


class State(NamedTuple):
    """What a checkpoint holds. average: the slow copy of `params` and `statistics`."""

    params: Any
    statistics: Any
    average: Any
    optimizer: Any


def read_images(path: str | Path) -> Images:
    """A .npz with `label` and either `image` (uint8 [N, 32, 32, 3]) or `jpeg` and `offset`: files end to end."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if "image" in file:
                pixels = file["image"]
            else:
                data, ends = file["jpeg"].tobytes(), file["offset"]
                opened = (Image.open(io.BytesIO(data[a:b])) for a, b in itertools.pairwise(ends))
                pixels = np.stack([np.asarray(image.convert("RGB")) for image in opened])
            labels = file["label"].astype(np.int32)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        wanted = "a .npz with label, and image or jpeg and offset"
        raise ValueError(f"{path} is no set of labelled images ({error}); wanted is {wanted}") from None
    if pixels.shape != (len(labels), SIDE, SIDE, 3) or not 0 <= labels.min() <= labels.max() < CLASSES:
        raise ValueError(
            f"{path} has images {pixels.shape} and labels from {labels.min()} to {labels.max()}; wanted are"
            f" {len(labels)} of {SIDE}x{SIDE}x3, and classes 0 to {CLASSES - 1}"
        )
    return Images(pixels, labels)


def whitening(pixels: np.ndarray) -> np.ndarray:
    """Kernel [2, 2, 3, 24]: the directions of 2x2 patches, each scaled to deviation 1, with both signs."""
    x = (pixels / np.float32(255.0) - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 2))
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, 12).astype(np.float64)
    values, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
    kernel = (vectors / np.sqrt(values + 5e-4)).reshape(2, 2, 3, 12)
    return np.concatenate([kernel, -kernel], axis=-1).astype(np.float32)


def epoch_of(train: Images, recipe: Recipe, epoch: int) -> Images:
    """All images in this epoch's order: mirrored in every other epoch, and moved, the border reflected."""
    always = np.random.default_rng([recipe.seed])
    mirrored = always.random(len(train.pixels)) < 0.5
    random = np.random.default_rng([recipe.seed, epoch])
    order, reach = random.permutation(len(train.pixels)), recipe.moved
    pixels = np.where((mirrored ^ (epoch % 2 == 1))[:, None, None, None], train.pixels[:, :, ::-1], train.pixels)
    wide = np.pad(pixels, ((0, 0), (reach, reach), (reach, reach), (0, 0)), "reflect")
    moves = random.integers(0, 2 * reach + 1, (len(pixels), 2))
    for down in range(2 * reach + 1):
        for right in range(2 * reach + 1):
            these = np.flatnonzero((moves == (down, right)).all(axis=1))
            pixels[these] = wide[these, down : down + SIDE, right : right + SIDE]
    return Images(pixels[order], train.labels[order])


def optimizer_of(recipe: Recipe, steps: int) -> optax.GradientTransformation:
    """One cycle of SGD: 0.2 of the rate at first, all of it after 23 % of the steps, 0.07 at the end."""
    cycle = lambda top: optax.piecewise_interpolate_schedule("linear", 0.2 * top, {int(0.23 * steps): 5.0, steps: 0.07})

    def sgd(share: float) -> optax.GradientTransformation:
        # The decay of a step is that of the weights for all: the faster a part learns, the less its gradient decays.
        return optax.chain(
            optax.add_decayed_weights(recipe.decay / share),
            optax.sgd(cycle(recipe.rate * recipe.batch * share), recipe.momentum, nesterov=True),
        )

    def kind(path: tuple, leaf: Any) -> str:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        return "fixed" if name == "whiten/kernel" else "norm" if "norm" in name else "weights"

    parts = {"weights": sgd(1.0), "norm": sgd(recipe.norm_rate), "fixed": optax.set_to_zero()}
    return optax.multi_transform(parts, partial(jax.tree_util.tree_map_with_path, kind))


def loss(params: Any, statistics: Any, pixels: jax.Array, labels: jax.Array, smoothing: float) -> tuple[jax.Array, Any]:
    """Cross-entropy with smoothed labels, and (batch norm's statistics, the share that is right)."""
    variables = {"params": params, "batch_stats": statistics}
    found, seen = NET.apply(variables, pixels / 255.0, training=True, mutable=["batch_stats"])
    wanted = optax.smooth_labels(jax.nn.one_hot(labels, CLASSES), smoothing)
    right = jnp.mean(jnp.argmax(found.logits, axis=-1) == labels)
    return jnp.mean(optax.softmax_cross_entropy(found.logits, wanted)), (seen["batch_stats"], right)


def step_of(recipe: Recipe, optimizer: optax.GradientTransformation) -> Any:
    """(state, pixels, labels) -> (state, loss, share that is right), compiled."""

    def step(state: State, pixels: jax.Array, labels: jax.Array) -> tuple[State, jax.Array, jax.Array]:
        of = jax.value_and_grad(loss, has_aux=True)
        (value, (statistics, right)), slope = of(state.params, state.statistics, pixels, labels, recipe.smoothing)
        updates, memory = optimizer.update(slope, state.optimizer, state.params)
        return State(optax.apply_updates(state.params, updates), statistics, state.average, memory), value, right

    return jax.jit(step)


@jax.jit
def draw_back(state: State, keep: jax.Array) -> State:
    """The average takes 1 - keep of the weights, and the weights begin anew at the average (Zhang et al. 2019)."""
    average = optax.incremental_update((state.params, state.statistics), state.average, 1.0 - keep)
    params, statistics = jax.tree.map(jnp.copy, average)
    return State(params, statistics, average, state.optimizer)


@jax.jit
def logits_of(folded: Any, pixels: jax.Array) -> jax.Array:
    """[B, 10] of pixels uint8 [B, 32, 32, 3]."""
    found: Any = NET.clone(folded=True).apply({"params": folded}, pixels / 255.0)
    return found.logits


def all_logits(folded: Any, pixels: np.ndarray, batch: int = 500) -> np.ndarray:
    """[N, 10] of uint8 [N, 32, 32, 3], in parts."""
    parts = [logits_of(folded, pixels[start : start + batch]) for start in range(0, len(pixels), batch)]
    return np.concatenate([np.asarray(part) for part in parts])


def accuracy(folded: Any, test: Images) -> tuple[float, float]:
    """Of the images as they are, and with the mean of the logits of both mirror images; in percent."""
    plain = all_logits(folded, test.pixels)
    both = plain + all_logits(folded, test.pixels[:, :, ::-1])
    share = lambda logits: 100.0 * float(np.mean(logits.argmax(1) == test.labels))
    return share(plain), share(both)


def begun(recipe: Recipe, train: Images, optimizer: optax.GradientTransformation) -> State:
    """Before the first step."""
    variables = NET.init(jax.random.key(recipe.seed), jnp.zeros((1, SIDE, SIDE, 3)))
    params, statistics = variables["params"], variables["batch_stats"]
    params = params | {"whiten": params["whiten"] | {"kernel": jnp.asarray(whitening(train.pixels[:5000]))}}
    return State(params, statistics, (params, statistics), optimizer.init(params))


def save(path: Path, state: State, said: dict[str, Any]) -> None:
    """A checkpoint; `said` is the recipe, the epochs done and the seconds they took."""
    leaves = {f"leaf{i:03}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
    write_weights(path, leaves, config=said)


def go_on(path: Path, state: State, recipe: Recipe) -> tuple[State, dict[str, Any]]:
    """The state of a checkpoint if there is one, and what was said of it."""
    if not path.is_file():
        return state, {"recipe": dataclasses.asdict(recipe), "epochs": 0, "seconds": 0.0}
    kept = read_weights(path)
    if kept.config["recipe"] != dataclasses.asdict(recipe):
        raise ValueError(f"{path} is of another recipe, {kept.config['recipe']}; remove it or take that one")
    leaves = [kept.params[name] for name in sorted(kept.params)]
    return jax.tree.unflatten(jax.tree.structure(state), map(jnp.asarray, leaves)), kept.config


def sharpened(folded: Any, known: Images) -> tuple[Any, float]:
    """With logits times the factor that makes the true classes likeliest, for smoothed labels leave them too alike; and
    that factor, of 40 from 0.5 to 8."""
    logits = all_logits(folded, known.pixels)
    error = lambda factor: float(
        jnp.mean(optax.softmax_cross_entropy_with_integer_labels(factor * logits, known.labels))
    )
    best = min((float(factor) for factor in np.geomspace(0.5, 8, 40)), key=error)
    return {**folded, "classes": {"kernel": folded["classes"]["kernel"] * best}}, best


Say = Callable[[str], None]


def train_on(train: Images, test: Images, recipe: Recipe, checkpoint: Path, say: Say) -> tuple[State, dict[str, Any]]:
    """All epochs that are not done yet, each said with its accuracy."""
    per_epoch = len(train.pixels) // recipe.batch
    steps = per_epoch * recipe.epochs
    optimizer = optimizer_of(recipe, steps)
    state, said = go_on(checkpoint, begun(recipe, train, optimizer), recipe)
    step = step_of(recipe, optimizer)
    while said["epochs"] < recipe.epochs:
        start, shown = time.monotonic(), epoch_of(train, recipe, said["epochs"])
        values, shares = [], []
        for number in range(per_epoch):
            these = slice(number * recipe.batch, (number + 1) * recipe.batch)
            state, value, right = step(state, shown.pixels[these], shown.labels[these])
            values.append(value)
            shares.append(right)
            done = said["epochs"] * per_epoch + number + 1
            if done % recipe.every == 0 or done == steps:
                state = draw_back(state, recipe.kept**recipe.every * (done / steps) ** 3)
        loss_, learnt = float(np.mean(values)), 100.0 * float(np.mean(shares))
        spent = time.monotonic() - start
        said |= {"epochs": said["epochs"] + 1, "seconds": said["seconds"] + spent}
        save(checkpoint, state, said)
        plain, both = accuracy(fold(state.params, state.statistics), test)
        say(
            f"epoch {said['epochs']}/{recipe.epochs}: loss {loss_:.4f}, right {learnt:.2f} %,"
            f" of test images {plain:.2f} % ({both:.2f} % with the mirror image), {spent:.0f} s"
        )
    return state, said


def judge(train: Path, test: Path, out: Path, *, recipe: Recipe | None = None, say: Say = print) -> float:
    """Train on one set, measure on the other, and write the folded network in float16 as `out`, NAME.safetensors, with
    NAME.training.safetensors beside it to go on from. Returns the accuracy of what was written, in percent."""
    recipe, (shown, held) = recipe or Recipe(), (read_images(train), read_images(test))
    if len(shown.labels) < recipe.batch:
        raise ValueError(f"{train} has {len(shown.labels)} images, fewer than the {recipe.batch} of a batch")
    state, said = train_on(shown, held, recipe, out.with_suffix(".training.safetensors"), say)
    sharp, factor = sharpened(fold(state.params, state.statistics), Images(shown.pixels[:5000], shown.labels[:5000]))
    narrow = jax.tree.map(lambda leaf: np.asarray(leaf, np.float16), sharp)
    plain, both = accuracy(jax.tree.map(lambda leaf: leaf.astype(np.float32), narrow), held)
    told = {
        "what": "a classifier of CIFAR-10, batch norm folded into its convolutions",
        "command": "dgan judge --data TRAIN.npz --test TEST.npz -o NAME.safetensors",
        "data": f"{len(shown.labels)} training images of {Path(train).name}",
        "test": f"{len(held.labels)} images of {Path(test).name}",
        "sharpened": round(factor, 3),
        "accuracy": round(plain, 2),
        "accuracy_with_mirror_image": round(both, 2),
        "date": time.strftime("%Y-%m-%d"),
        **said,
        **hardware(),
    }
    digest = write_weights(out, narrow, config=told, versions=versions())
    say(f"{out}: {plain:.2f} % of test images, {both:.2f} % with the mirror image; SHA-256 {digest}")
    return plain
