"""Masks with soft rims, noise, transparency, of any depth: what becomes a hole."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from dgan_jax.data import masks
from dgan_jax.data.native import Native


def stroke(softness: float = 1.5, side: int = 96) -> np.ndarray:
    """A slanted stroke with a soft rim, uint8 [side, side]."""
    sharp = np.zeros((side, side), np.uint8)
    cv2.line(sharp, (20, 18), (70, 60), 255, 5)
    return cv2.GaussianBlur(sharp, (0, 0), softness) if softness else sharp


def written(path, pixels, **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def read(path, *arguments, **options):
    hole = masks.read_mask(path, *arguments, **options)
    assert hole.dtype == np.float32
    assert set(np.unique(hole)) <= {0.0, 1.0}
    return hole[..., 0] == 1


def test_masks_of_either_polarity_become_holes(tmp_path):
    path = written(tmp_path / "m.png", np.array([[0, 255, 255, 0]], np.uint8))
    for polarity, expected in {"auto": [0, 1, 1, 0], "white-hole": [0, 1, 1, 0], "white-keep": [1, 0, 0, 1]}.items():
        assert read(path, polarity).tolist() == [[bool(x) for x in expected]]
    with pytest.raises(ValueError, match="did you mean 'white-keep'"):
        masks.read_mask(path, "whitekeep")


@pytest.mark.parametrize("polarity", ["white-hole", "white-keep"])
@pytest.mark.parametrize("kind", ["L", "RGB", "I;16", "LA", "F"])
def test_what_is_half_painted_over_is_missing(tmp_path, kind, polarity):
    soft = stroke()
    grey = soft if polarity == "white-hole" else 255 - soft
    name = "m.tif" if kind == "F" else "m.png"
    image = {
        "I;16": lambda: Image.fromarray(grey.astype(np.uint16) * 257),
        "F": lambda: Image.fromarray(grey.astype(np.float32) / 255),
    }.get(kind, lambda: Image.fromarray(grey).convert(kind))()
    hole = read(written(tmp_path / name, image), polarity)
    assert hole[soft >= 8].all()  # 3 % of a scratch is left at most
    assert not hole[soft == 0].any()


@pytest.mark.parametrize(("kind", "quality"), [("JPEG", 95), ("JPEG", 75), ("JPEG", 40), ("WEBP", 80), ("AVIF", 60)])
def test_the_noise_of_compressed_masks_makes_no_holes(tmp_path, kind, quality):
    for softness in (0, 1.5):
        soft = stroke(softness)
        path = tmp_path / f"m.{kind.lower()}"
        Image.fromarray(soft).save(path, kind, quality=quality)
        hole = read(path)
        assert hole[soft >= 64].all()
        away = cv2.dilate((soft > 0).astype(np.uint8), np.ones((7, 7))) == 0
        assert hole[away].mean() < 0.002  # at quality 40 some of the ringing is brighter than a faint stroke


def test_the_ground_of_a_scanned_mask_is_no_hole(tmp_path):
    noise = np.random.default_rng(0).integers(0, 13, (96, 96))
    scanned = np.clip(stroke().astype(int) + noise, 0, 255).astype(np.uint8)
    hole = read(written(tmp_path / "m.png", scanned))
    assert hole[stroke() >= 32].all()
    assert hole[stroke(4) == 0].sum() <= 2


def test_a_thin_faint_hair_is_a_hole(tmp_path):
    hair = np.zeros((64, 64), np.uint8)
    hair[10:50, 30] = 60
    assert read(written(tmp_path / "m.png", hair)).sum() == 40
    assert read(written(tmp_path / "m.jpg", hair, quality=95))[10:50, 30].all()


def test_label_maps_and_bits_are_understood(tmp_path):
    bits = np.array([[0, 1, 1]], np.uint8)
    written(tmp_path / "labels.png", bits)
    written(tmp_path / "labels16.png", bits.astype(np.uint16))
    written(tmp_path / "bits.png", Image.fromarray(bits * 255).convert("1"))
    written(tmp_path / "palette.png", Image.fromarray(bits * 255).convert("P"))
    for name in ("labels", "labels16", "bits", "palette"):
        assert read(tmp_path / f"{name}.png").tolist() == [[False, True, True]]


def layers(grey, alpha) -> Image.Image:
    return Image.fromarray(np.stack([np.broadcast_to(np.uint8(grey), alpha.shape), alpha], axis=-1), "LA")


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("paint", [0, 255, 128])
def test_a_mask_of_paint_on_nothing_is_read_by_its_transparency(tmp_path, mode, paint):
    path = written(tmp_path / "m.png", layers(paint, stroke(0)).convert(mode))
    np.testing.assert_array_equal(read(path), stroke(0) > 0)
    np.testing.assert_array_equal(read(path, "white-keep"), stroke(0) == 0)


def test_what_lies_under_transparent_pixels_does_not_matter(tmp_path):
    hidden = np.where(stroke(0) > 0, 0, 255)  # black paint on a transparent white ground
    np.testing.assert_array_equal(read(written(tmp_path / "m.png", layers(hidden, stroke(0)))), stroke(0) > 0)


def test_an_opaque_mask_with_an_alpha_channel_is_read_by_its_brightness(tmp_path):
    for alpha in (255, 200):
        path = written(tmp_path / "m.png", layers(stroke(0), np.full((96, 96), alpha, np.uint8)))
        np.testing.assert_array_equal(read(path), stroke(0) > 0)


def test_a_mask_that_says_two_things_is_refused(tmp_path):
    ramp = np.broadcast_to(np.arange(96, dtype=np.uint8) * 2, (96, 96))
    with pytest.raises(ValueError, match=r"both in transparency and in brightness.*--hole alpha"):
        masks.read_mask(written(tmp_path / "m.png", layers(ramp, stroke(0))))
    twice = written(tmp_path / "twice.png", layers(stroke(0), stroke(0)))
    np.testing.assert_array_equal(read(twice), stroke(0) > 0)


def test_the_transparent_part_of_a_photograph_is_a_hole():
    pixels = np.zeros((96, 96, 3), np.uint8)
    for scale in (1, 257):
        alpha = (255 - stroke().astype(int)) * scale
        kind = np.uint8 if scale == 1 else np.uint16
        hole = masks.hole_of(Native(pixels.astype(kind), alpha.astype(kind)), "a.png")
        assert hole.shape == (96, 96, 1)
        assert hole[stroke() >= 8].all()
        assert not hole[stroke() == 0].any()
    for opaque in (None, np.full((96, 96), 255, np.uint8)):
        with pytest.raises(ValueError, match="opaque all over"):
            masks.hole_of(Native(pixels, opaque), "a.png")


def test_a_hole_grows_by_whole_pixels_in_every_direction(tmp_path):
    dot = np.zeros((9, 9), np.uint8)
    dot[4, 4] = 255
    path = written(tmp_path / "m.png", dot)
    assert [int(read(path, grow=n).sum()) for n in (0, 1, 2)] == [1, 5, 13]
    with pytest.raises(ValueError, match="at least 0, got -1"):
        masks.read_mask(path, grow=-1)


def test_a_broken_mask_is_named(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(stream, "PNG")
    (tmp_path / "m.png").write_bytes(stream.getvalue()[:900])
    with pytest.raises(ValueError, match=r"m\.png is damaged or cut off"):
        masks.read_mask(tmp_path / "m.png")
