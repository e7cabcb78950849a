"""The augmentations of adaptive discriminator augmentation, each with a probability, differentiable in the image.

Karras et al., "Training Generative Adversarial Networks with Limited Data", NeurIPS 2020, arXiv 2006.06676, appendix B.
`draw` draws for one example whatever the probability; `settled` decides by it, since it is known in the loss alone.
"""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from dgan_jax.ops import upfirdn

# Daubechies' least asymmetric wavelets of 6 and 2 vanishing moments (low-pass).
SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466,
    0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578,
    0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip
SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
EXPECTED_POWER = np.array([10, 1, 1, 1]) / 13  # of natural images, in each of four bands


@dataclasses.dataclass(frozen=True)
class Pipe:
    """Multipliers of the probability (0: never), and how far each augmentation goes."""

    xflip: float = 0
    rotate90: float = 0
    xint: float = 0
    scale: float = 0
    rotate: float = 0
    aniso: float = 0
    xfrac: float = 0
    brightness: float = 0
    contrast: float = 0
    lumaflip: float = 0
    hue: float = 0
    saturation: float = 0
    imgfilter: float = 0
    noise: float = 0
    cutout: float = 0
    xint_max: float = 0.125
    scale_std: float = 0.2
    rotate_max: float = 1
    aniso_std: float = 0.2
    xfrac_std: float = 0.125
    brightness_std: float = 0.2
    contrast_std: float = 0.5
    hue_max: float = 1
    saturation_std: float = 1
    imgfilter_bands: tuple[float, ...] = (1, 1, 1, 1)
    imgfilter_std: float = 1
    noise_std: float = 0.1
    cutout_size: float = 0.5

    @property
    def geometry(self) -> bool:
        """Whether pixels move."""
        return any(getattr(self, name) for name in (*BLIT, *GEOMETRY))

    @property
    def colour(self) -> bool:
        return any(getattr(self, name) for name in COLOUR)


BLIT = ("xflip", "rotate90", "xint")
GEOMETRY = ("scale", "rotate", "aniso", "xfrac")
COLOUR = ("brightness", "contrast", "lumaflip", "hue", "saturation")


def pipe(names: str) -> Pipe:
    """A published pipe by its letters: b (blit), g (geometry), c (colour), f (filter), n (noise), c again (cutout).

    "blit", "geom", "color", "filter", "noise", "cutout", "bg", "bgc", "bgcf", "bgcfn", "bgcfnc".
    """
    groups = {"b": BLIT, "g": GEOMETRY, "c": COLOUR, "f": ("imgfilter",), "n": ("noise",)}
    alone = {"blit": "b", "geom": "g", "color": "c", "filter": "f", "noise": "n"}
    if names == "cutout":
        return Pipe(cutout=1)
    letters = alone.get(names, names)
    if not "bgcfnc".startswith(letters) and names not in alone:
        raise ValueError(f"no augmentation pipe is called {names!r}; try bgc, or one of {', '.join(alone)}, cutout")
    chosen = {name: 1.0 for letter in letters[:5] for name in groups[letter]}
    return Pipe(**chosen, cutout=float(letters == "bgcfnc"))  # type: ignore[arg-type]


@struct.dataclass
class Draws:
    """Of one example (a batch axis comes first after vmap): `gates` open below a probability, by augmentation; the
    others are what happens then, as uniform numbers in [0, 1) and normal ones."""

    gates: dict[str, jax.Array]
    uniform: dict[str, jax.Array]
    normal: dict[str, jax.Array]
    loudness: jax.Array  # absolute value of a normal number
    noise: jax.Array  # [H, W, C]


UNIFORM = {
    "xflip": (),
    "rotate90": (),
    "xint": (2,),
    "before": (),
    "after": (),
    "lumaflip": (),
    "hue": (),
    "cutout": (2,),
}
NORMAL = {
    "scale": (),
    "aniso": (),
    "xfrac": (2,),
    "brightness": (),
    "contrast": (),
    "saturation": (),
    "imgfilter": (4,),
}
GATES = (*BLIT, "scale", "before", "aniso", "after", "xfrac", *COLOUR, "noise", "cutout")


def draw(key: jax.Array, shape: tuple[int, ...], pipe: Pipe) -> Draws:
    """For an image of `shape` [H, W, C]."""
    keys = iter(jax.random.split(key, 5))
    split = lambda names: dict(zip(names, jax.random.split(next(keys), len(names)), strict=True))
    gates = {name: jax.random.uniform(own) for name, own in split(GATES).items()}
    gates["imgfilter"] = jax.random.uniform(next(keys), (4,))
    uniform = {name: jax.random.uniform(own, UNIFORM[name]) for name, own in split(UNIFORM).items()}
    normal = {name: jax.random.normal(own, NORMAL[name]) for name, own in split(NORMAL).items()}
    loud, field = jax.random.split(next(keys))
    noise = jax.random.normal(field, shape if pipe.noise else (1, 1, 1))
    return Draws(gates, uniform, normal, jnp.abs(jax.random.normal(loud)), noise)


def percentile(at: float, batch: int, shape: tuple[int, ...]) -> Draws:
    """What the published code takes for all draws at its debugging percentile: all is done and nothing is random."""
    full = lambda value, shape=(): jnp.full((batch, *shape), value, jnp.float32)
    normal, loudness = (jax.scipy.special.erfinv(jnp.float32(value)) for value in (2 * at - 1, at))
    gates = {**{name: full(0.0) for name in GATES}, "imgfilter": full(0.0, (4,)), "after": full(1.0)}
    return Draws(
        gates, {name: full(at, own) for name, own in UNIFORM.items()},
        {name: full(normal, own) for name, own in NORMAL.items()}, full(loudness), jnp.zeros((batch, *shape)),
    )  # fmt: skip


def matrix(rows: Sequence[Sequence[jax.Array | float]]) -> jax.Array:
    """[B, n, n] from rows of numbers and of [B]."""
    return jnp.stack([jnp.stack(jnp.broadcast_arrays(*map(jnp.asarray, row)), -1) for row in _even(rows)], -2)


def _even(rows: Sequence[Sequence[jax.Array | float]]) -> list[list[jax.Array]]:
    shape = jnp.broadcast_shapes(*(jnp.shape(value) for row in rows for value in row))
    return [[jnp.broadcast_to(jnp.asarray(value, jnp.float32), shape) for value in row] for row in rows]


def translation(x: jax.Array | float, y: jax.Array | float) -> jax.Array:
    """[..., 3, 3] of a shift by (x, y)."""
    return matrix([[1, 0, x], [0, 1, y], [0, 0, 1]])


def scaling(x: jax.Array | float, y: jax.Array | float) -> jax.Array:
    """[..., 3, 3] of factors (x, y)."""
    return matrix([[x, 0, 0], [0, y, 0], [0, 0, 1]])


def rotation(angle: jax.Array) -> jax.Array:
    """[..., 3, 3] of an angle in radians."""
    return matrix([[jnp.cos(angle), -jnp.sin(angle), 0], [jnp.sin(angle), jnp.cos(angle), 0], [0, 0, 1]])


def inverse_transform(pipe: Pipe, draws: Draws, p: jax.Array | float, height: int, width: int) -> jax.Array:
    """[B, 3, 3]: from places in the result to places in the image, in pixels from the middle."""
    given, normal = draws.uniform, draws.normal

    def passed(name: str, chance: jax.Array | float, value: jax.Array, otherwise: float) -> jax.Array:
        opened = draws.gates[name] < chance
        return jnp.where(opened.reshape(opened.shape + (1,) * (value.ndim - 1)), value, otherwise)

    flip = passed("xflip", pipe.xflip * p, jnp.floor(2 * given["xflip"]), 0.0)
    quarter = passed("rotate90", pipe.rotate90 * p, jnp.floor(4 * given["rotate90"]), 0.0)
    whole = passed("xint", pipe.xint * p, (2 * given["xint"] - 1) * pipe.xint_max, 0.0)
    scale = passed("scale", pipe.scale * p, jnp.exp2(normal["scale"] * pipe.scale_std), 1.0)
    aniso = passed("aniso", pipe.aniso * p, jnp.exp2(normal["aniso"] * pipe.aniso_std), 1.0)
    part = passed("xfrac", pipe.xfrac * p, normal["xfrac"] * pipe.xfrac_std, 0.0)
    turn = 1 - jnp.sqrt(jnp.clip(1 - pipe.rotate * p, 0, 1))  # so that one of two is done with probability p
    angle = lambda name: passed(name, turn, (2 * given[name] - 1) * np.pi * pipe.rotate_max, 0.0)
    return functools.reduce(
        jnp.matmul,
        [
            scaling(1 - 2 * flip, 1.0),
            rotation(np.pi / 2 * quarter),
            translation(-jnp.round(whole[:, 0] * width), -jnp.round(whole[:, 1] * height)),
            scaling(1 / scale, 1 / scale),
            rotation(angle("before")),
            scaling(1 / aniso, aniso),
            rotation(angle("after")),
            translation(-part[:, 0] * width, -part[:, 1] * height),
        ],
    )


def margins(inverse: jax.Array, size: tuple[int, int], taps: int) -> jax.Array:
    """[B, 4]: pixels (left, top, right, bottom) beyond the image that a transform looks at."""
    height, width = size
    middle = np.array([(width - 1) / 2, (height - 1) / 2], np.float32)
    corners = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], np.float32).T
    corners[:2] *= middle[:, None]
    seen = (inverse @ corners)[:, :2]
    reach = jnp.concatenate([(-seen).max(2), seen.max(2)], axis=1) + np.tile(taps // 4 * 2 - middle, 2)
    return jnp.ceil(jnp.clip(reach, 0, np.tile([width - 1, height - 1], 2).astype(np.float32)))


def window(size: int, first: jax.Array, end: jax.Array) -> jax.Array:
    """[B, size]: 1 at places in [first, end), else 0."""
    place = jnp.arange(size)
    return ((place >= first[:, None]) & (place < end[:, None])).astype(jnp.float32)


def bilinear(x: jax.Array, row: jax.Array, column: jax.Array) -> jax.Array:
    """x [H, W, C] at places [h, w]; 0 outside."""
    top, left = jnp.floor(row), jnp.floor(column)
    total = jnp.zeros((*row.shape, x.shape[-1]))
    for down in (0, 1):
        for right in (0, 1):
            i, j = top + down, left + right
            weight = (1 - jnp.abs(row - i)) * (1 - jnp.abs(column - j))
            inside = (i >= 0) & (i < x.shape[0]) & (j >= 0) & (j < x.shape[1])
            taken = x[
                jnp.clip(i, 0, x.shape[0] - 1).astype(jnp.int32), jnp.clip(j, 0, x.shape[1] - 1).astype(jnp.int32)
            ]
            total = total + (weight * inside)[..., None] * taken
    return total


def moved(x: jax.Array, inverse: jax.Array) -> jax.Array:
    """Images [B, H, W, C] transformed: mirrored at the borders, twice as large by a wavelet, sampled, and halved.

    The published code pads a batch by what its member with the largest margin needs; here each image has its own
    margin, so that it does not matter what it is trained with. Padding is by the most and what is too much is zeroed.
    """
    batch, height, width, _ = x.shape
    taps = upfirdn.taps(SYM6)
    extra = len(taps) // 4
    own = margins(inverse, (height, width), len(taps))
    far = (height - 1, width - 1)
    x = jnp.pad(x, ((0, 0), (far[0], far[0]), (far[1], far[1]), (0, 0)), mode="reflect")

    def limited(x: jax.Array, factor: int) -> jax.Array:
        rows = window(x.shape[1], factor * (far[0] - own[:, 1]), factor * (far[0] + height + own[:, 3]))
        columns = window(x.shape[2], factor * (far[1] - own[:, 0]), factor * (far[1] + width + own[:, 2]))
        return x * rows[:, :, None, None] * columns[:, None, :, None]

    x = limited(upfirdn.upsample(limited(x, 1), taps), 2)
    inverse = translation(-0.5, -0.5) @ scaling(2.0, 2.0) @ inverse @ scaling(0.5, 0.5) @ translation(0.5, 0.5)
    size = [2 * (side + 2 * extra) for side in (height, width)]
    row, column = np.meshgrid(*(np.arange(side) + 0.5 - side / 2 for side in size), indexing="ij")
    places = np.stack([column, row, np.ones_like(row)]).reshape(3, -1).astype(np.float32)
    at = (inverse @ places).reshape(batch, 3, *size)
    x = jax.vmap(bilinear)(x, at[:, 1] + height - 0.5 + 2 * far[0], at[:, 0] + width - 0.5 + 2 * far[1])
    before, after = upfirdn.gathered(len(taps), 2)
    pads = (before - 2 * extra, after - 2 * extra) * 2
    return upfirdn.upfirdn(x, taps, down=2, pads=pads, flip=True)


LUMA = np.array([1, 1, 1, 0], np.float32) / np.float32(np.sqrt(3))
GREY = np.outer(LUMA, LUMA)


def colour_transform(pipe: Pipe, draws: Draws, p: jax.Array | float, channels: int) -> jax.Array:
    """[B, 4, 4]: what happens to a colour (r, g, b, 1)."""
    given, normal = draws.uniform, draws.normal
    passed = lambda name, value, otherwise: jnp.where(draws.gates[name] < getattr(pipe, name) * p, value, otherwise)
    b = passed("brightness", normal["brightness"] * pipe.brightness_std, 0.0)
    c = passed("contrast", jnp.exp2(normal["contrast"] * pipe.contrast_std), 1.0)
    flip = passed("lumaflip", jnp.floor(2 * given["lumaflip"]), 0.0)[:, None, None]
    lighter = matrix([[1, 0, 0, b], [0, 1, 0, b], [0, 0, 1, b], [0, 0, 0, 1]])
    harder = matrix([[c, 0, 0, 0], [0, c, 0, 0], [0, 0, c, 0], [0, 0, 0, 1]])
    whole = (np.eye(4, dtype=np.float32) - 2 * GREY * flip) @ harder @ lighter
    if channels == 1:
        return whole
    angle = passed("hue", (2 * given["hue"] - 1) * np.pi * pipe.hue_max, 0.0)
    s = passed("saturation", jnp.exp2(normal["saturation"] * pipe.saturation_std), 1.0)[:, None, None]
    return (GREY + (np.eye(4, dtype=np.float32) - GREY) * s) @ turned(angle) @ whole


def turned(angle: jax.Array) -> jax.Array:
    """[B, 4, 4]: a rotation of colours about grey (Rodrigues)."""
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    u = float(LUMA[0])
    same, plus, minus = u * u * (1 - cosine) + cosine, u * u * (1 - cosine) + u * sine, u * u * (1 - cosine) - u * sine
    return matrix([[same, minus, plus, 0], [plus, same, minus, 0], [minus, plus, same, 0], [0, 0, 0, 1]])


def recoloured(x: jax.Array, transform: jax.Array) -> jax.Array:
    """Images [B, H, W, 3] or [B, H, W, 1]."""
    if x.shape[-1] == 3:
        return jnp.einsum("bhwc,bdc->bhwd", x, transform[:, :3, :3]) + transform[:, None, None, :3, 3]
    if x.shape[-1] != 1:
        raise ValueError(f"colours are augmented in images of 3 channels, or of 1; got {x.shape[-1]}")
    row = transform[:, :3].mean(1)
    return x * row[:, None, None, None, :3].sum(-1) + row[:, None, None, None, 3]


@functools.cache
def bank() -> np.ndarray:
    """[4, taps]: filters that split an image into octaves, from the lowest, and sum to a single pixel."""
    low = np.asarray(SYM2)
    high = low * (-1.0) ** np.arange(len(low))
    low2, high2 = (np.convolve(f, f[::-1]) / 2 for f in (low, high))
    bands = np.eye(4, 1)
    for i in range(1, 4):
        spaced = np.zeros((4, 2 * bands.shape[1] - 1))
        spaced[:, ::2] = bands
        bands = np.stack([np.convolve(row, low2) for row in spaced])
        first = (bands.shape[1] - len(high2)) // 2
        bands[i, first : first + len(high2)] += high2
    return bands


def filtered(x: jax.Array, pipe: Pipe, draws: Draws, p: jax.Array | float) -> jax.Array:
    """Octaves made louder or softer, the expected power kept."""
    gains = jnp.ones((x.shape[0], 4))
    for i, strength in enumerate(pipe.imgfilter_bands):
        opened = draws.gates["imgfilter"][:, i] < pipe.imgfilter * p * strength
        own = jnp.where(opened, jnp.exp2(draws.normal["imgfilter"][:, i] * pipe.imgfilter_std), 1.0)
        one = jnp.ones((x.shape[0], 4)).at[:, i].set(own)
        gains = gains * one * jax.lax.rsqrt(jnp.sum(EXPECTED_POWER * jnp.square(one), axis=1, keepdims=True))
    taps = gains @ jnp.asarray(bank(), jnp.float32)
    half = taps.shape[1] // 2
    x = jnp.pad(x, ((0, 0), (half, half), (half, half), (0, 0)), mode="reflect")
    for axis in (2, 1):
        count = x.shape[axis] - 2 * half
        piece = lambda j, x=x, axis=axis, count=count: jax.lax.slice_in_dim(x, j, j + count, 1, axis)
        x = functools.reduce(jnp.add, (taps[:, j, None, None, None] * piece(j) for j in range(taps.shape[1])))
    return x


def spoiled(x: jax.Array, pipe: Pipe, draws: Draws, p: jax.Array | float) -> jax.Array:
    """Noise, and a rectangle cut out."""
    _, height, width, _ = x.shape
    if pipe.noise:
        sigma = jnp.where(draws.gates["noise"] < pipe.noise * p, draws.loudness * pipe.noise_std, 0.0)
        x = x + draws.noise * sigma[:, None, None, None]
    if pipe.cutout:
        size = jnp.where(draws.gates["cutout"] < pipe.cutout * p, pipe.cutout_size, 0.0)[:, None]
        centre = draws.uniform["cutout"]
        outside = lambda side, at: jnp.abs((np.arange(side) + 0.5) / side - at[:, None]) >= size / 2
        kept = outside(height, centre[:, 1])[:, :, None] | outside(width, centre[:, 0])[:, None, :]
        x = x * kept[..., None]
    return x


def augment(x: jax.Array, pipe: Pipe, draws: Draws, p: jax.Array | float) -> jax.Array:
    """Images [B, H, W, C], each augmentation done with probability p times its multiplier."""
    if pipe.geometry:
        x = moved(x, inverse_transform(pipe, draws, p, *x.shape[1:3]))
    if pipe.colour:
        x = recoloured(x, colour_transform(pipe, draws, p, x.shape[-1]))
    if pipe.imgfilter:
        x = filtered(x, pipe, draws, p)
    return spoiled(x, pipe, draws, p)
