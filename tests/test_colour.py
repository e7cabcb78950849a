"""Colour profiles of every kind of picture."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms
from test_tiffs import tiff

from dgan_jax.data import colour, images, native

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def grey_profile(power: float) -> bytes:
    """A profile of one power curve, white D50."""
    curve = b"curv" + bytes(4) + (1).to_bytes(4) + round(256 * power).to_bytes(2) + bytes(2)
    white = b"XYZ " + bytes(4) + b"".join(round(65536 * x).to_bytes(4) for x in (0.9642, 1.0, 0.8249))
    text = b"desc" + bytes(4) + (5).to_bytes(4) + b"grey\0" + bytes(78 + 4 + 3)
    tags, place, table = {b"desc": text, b"wtpt": white, b"kTRC": curve}, 128 + 4 + 36, b""
    body = b""
    for name, data in tags.items():
        table += name + (place + len(body)).to_bytes(4) + len(data).to_bytes(4)
        body += data + bytes(-len(data) % 4)
    head = bytearray(128)
    head[0:4], head[8:12], head[12:16] = (place + len(body)).to_bytes(4), bytes([2, 16, 0, 0]), b"mntr"
    head[16:20], head[20:24], head[36:40] = b"GRAY", b"XYZ ", b"acsp"
    head[68:80] = b"".join(round(65536 * x).to_bytes(4) for x in (0.9642, 1.0, 0.8249))
    return bytes(head) + len(tags).to_bytes(4) + table + body


def power_of(power: float, values: np.ndarray) -> np.ndarray:
    """The truth: device values 0..1 of a power curve -> sRGB 0..1."""
    return colour.encode(values**power)


def test_the_profiles_of_these_tests_are_what_little_cms_understands():
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    profile = ImageCms.getOpenProfile(io.BytesIO(grey_profile(1.8)))
    seen = ImageCms.profileToProfile(ramp, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert np.abs(np.asarray(seen)[0, :, 1] - 255 * power_of(1.8, np.arange(256) / 255)).max() < 1.5


@pytest.mark.parametrize("power", [1.0, 1.8, 2.4])
@pytest.mark.parametrize(
    "kind", ["L.png", "L.jpg", "L.tif", "L.webp", "LA.png", "LA.tif", "I;16.png", "I;16.tif", "P.png", "1.png"]
)
def test_grey_profiles_are_converted_whatever_the_mode(tmp_path, kind, power):
    mode, ending = kind.split(".")
    values = np.tile(np.linspace(0, 1, 64), (16, 1))
    eight = np.round(255 * values).astype(np.uint8)
    image = {
        "I;16": lambda: Image.fromarray(np.round(65535 * values).astype(np.uint16)),
        "P": lambda: Image.fromarray(eight).convert("P"),
        "1": lambda: Image.fromarray(eight).point(lambda v: 255 * (v > 128)).convert("1"),
    }.get(mode, lambda: Image.fromarray(eight).convert(mode))()
    options = {"quality": 100} if ending == "jpg" else {"lossless": True} if ending == "webp" else {}
    image.save(tmp_path / f"a.{ending}", icc_profile=grey_profile(power), **options)
    truth = 255 * power_of(power, values)
    if mode == "1":
        truth = 255.0 * (eight > 128)
    for channels in (1, 3):
        read = images.read_image(tmp_path / f"a.{ending}", channels=channels).astype(float)
        # The steps of 8 bits are wide where a linear profile is dark.
        assert np.abs(read.mean(-1) - truth).mean() < (1.5 if mode in ("L", "LA", "P") else 0.6)
        assert np.abs(read.mean(-1) - truth)[:, 16:].max() < 4


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "16", "L"])
@pytest.mark.parametrize("name", [b"sRGB", b"lin!"])
def test_a_profile_is_taken_by_what_it_does_not_by_its_name(tmp_path, mode, name):
    profile = native.gamma_profile(1.0)
    profile = profile.replace("sRGB".encode("utf-16-be"), name.decode().encode("utf-16-be"))
    assert ImageCms.getProfileDescription(ImageCms.getOpenProfile(io.BytesIO(profile))).startswith(name.decode())
    values = np.random.default_rng(0).integers(30, 256, (12, 12, 3)).astype(np.uint8)
    if mode == "P":
        values = values // 64 * 64 + 40
    if mode == "L":
        values = values[..., :1].repeat(3, axis=2)
    if mode == "16":
        (tmp_path / "a.png").write_bytes(tiff(values.astype(np.uint16) * 257, photometric="rgb", iccprofile=profile))
    else:
        image = Image.fromarray(values[..., 0] if mode == "L" else values)
        image = image.quantize(64) if mode == "P" else image.convert(mode)
        values = np.asarray(image.convert("RGB"))
        image.save(tmp_path / "a.png", icc_profile=profile)
    read = images.read_image(tmp_path / "a.png").astype(float)
    assert np.abs(read - 255 * power_of(1.0, values / 255)).max() < 2.5


def test_what_is_srgb_under_another_name_changes_nothing(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    profile = SRGB.replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be"))
    Image.fromarray(values).save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.png"), values)
    assert colour.is_srgb(SRGB)
    assert not colour.is_srgb(native.gamma_profile(1.0))
    assert not colour.is_srgb(grey_profile(1.8))


def test_a_profile_of_other_channels_or_nonsense_changes_nothing(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    for profile in (grey_profile(1.0), b"nonsense", SRGB[:100], SRGB[:200], b"\0" * 400):
        Image.fromarray(values).save(tmp_path / "a.png", icc_profile=profile)
        np.testing.assert_array_equal(images.read_image(tmp_path / "a.png"), values)


def test_the_gamma_that_a_png_states_is_heeded(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    values = np.tile(np.arange(40, 256, 3, dtype=np.uint8), (4, 1))
    for gamma, power in ((100_000, 1.0), (55_556, 1.8)):
        info = PngInfo()
        info.add(b"gAMA", gamma.to_bytes(4))
        Image.fromarray(values).save(tmp_path / "a.png", pnginfo=info)
        read = images.read_image(tmp_path / "a.png", channels=1)[..., 0]
        assert np.abs(read - 255 * power_of(power, values / 255)).max() < 1.5
    info = PngInfo()
    info.add(b"gAMA", (45455).to_bytes(4))
    Image.fromarray(values).save(tmp_path / "a.png", pnginfo=info)
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.png", channels=1)[..., 0], values)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_way_back_ends_where_it_began(dtype, channels):
    top = np.iinfo(dtype).max
    values = np.random.default_rng(0).integers(top // 8, top + 1, (8, 9, channels)).astype(dtype)
    for profile in (None, SRGB, native.gamma_profile(1.8), grey_profile(1.4)):
        if channels == 3 and profile is not None and colour.space_of(profile) == "GRAY":
            continue
        there = colour.to_srgb(values, profile)
        back = colour.from_srgb(there.reshape(-1, channels) / top, profile, channels)
        # Primaries of sRGB, so that no colour is cut off.
        assert np.abs(back.reshape(values.shape) * top - values).max() <= (1.5 if top == 255 else 40)


def test_little_cms_agrees_about_a_matrix_profile():
    swap = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}
    tags = [SRGB[i : i + 12] for i in range(132, 132 + 12 * int.from_bytes(SRGB[128:132]), 12)]
    table = b"".join(swap.get(tag[:4], tag[:4]) + tag[4:] for tag in tags)
    profile = SRGB[:132] + table + SRGB[132 + len(table) :]
    values = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    theirs = ImageCms.profileToProfile(
        Image.fromarray(values), ImageCms.getOpenProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    )
    assert np.abs(colour.to_srgb(values, profile).astype(int) - np.asarray(theirs)).max() <= 1


def test_cmyk_goes_there_and_back_nearly():
    ink = np.asarray(Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)).convert("CMYK"))
    there = colour.to_srgb(ink, None)
    back = colour.from_srgb(there.reshape(-1, 3) / 255, None, 4) * 255
    again = colour.to_srgb(np.round(back).astype(np.uint8).reshape(8, 8, 4), None)
    assert np.abs(again.astype(int) - there).max() <= 1
