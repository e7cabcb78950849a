"""Good files of every kind, to be broken."""

import functools
import io
import json
import tarfile
import tempfile
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms

HEIGHT, WIDTH = 24, 32

RESTORE = ("restore", "inpaint", "photo.png", "--hole", "hole.png", "--system", "nearest", "-o", "out")
BLOCKED = {"file": b"in the way of the folder file/run"}

CONFIG = """
from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import ddgan
from dgan_jax.tasks.inpaint import Inpaint

def get_config():
    system = ddgan.Config(
        steps=2, features=8, multipliers=(1, 2), blocks=1, attention=(), latent=4, latent_layers=1,
        latent_embedding=8, critic_features=4, critic_embedding=8, residual=True, reconstruction=1.0,
    )
    data = Data(name="photos.npz", size=8, batch=8)
    return Experiment(system=system, task=Inpaint(hole="box"), data=data, train=Train(steps=4, sample_every=0))
"""


def picture(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> Image.Image:
    """Smooth colours with a little noise."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    noise = np.random.default_rng(seed).uniform(0, 0.1, (height, width, 3))
    return Image.fromarray(np.round(255 * (0.9 * np.stack([y, x, 1 - x], axis=-1) + noise)).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def in_mode(mode: str) -> Image.Image:
    """The picture in any of Pillow's modes that a file can hold."""
    image = picture()
    grey = np.asarray(image.convert("L"))
    wide = {"I;16": grey.astype(np.uint16) * 257, "I": grey.astype(np.int32) * 257, "F": grey.astype(np.float32) / 255}
    if mode in wide:
        return Image.fromarray(wide[mode])
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    if mode == "PA":
        return image.convert("P").convert("PA")
    return image.convert("L").convert(mode) if mode in ("1", "LA") else image.convert(mode)


@functools.cache
def images() -> dict[str, bytes]:
    """Image files: every mode, every format, each EXIF orientation, a profile, animations, 16 bits, several pages."""
    kinds = {
        "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), "JPEG": ("L", "RGB", "CMYK"),
        "TIFF": ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr", "LAB"),
        "WEBP": ("RGB", "RGBA"), "GIF": ("P", "L"), "BMP": ("1", "L", "P", "RGB", "RGBA"), "TGA": ("L", "RGB", "RGBA"),
        "PPM": ("1", "L", "RGB", "I;16"), "JPEG2000": ("L", "RGB", "RGBA"), "AVIF": ("RGB", "RGBA"),
    }  # fmt: skip
    made = {f"{kind} {mode}": encoded(in_mode(mode), kind) for kind, modes in kinds.items() for mode in modes}
    for number in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = number
        made[f"turned {number}"] = encoded(picture(), "JPEG", exif=exif)
    frames = [picture(i) for i in range(3)]
    for kind in ("GIF", "PNG", "WEBP", "TIFF", "MPO"):
        made[f"animated {kind}"] = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4"):
        image = in_mode("1") if compression == "group4" else picture()
        made[f"TIFF {compression}"] = encoded(image, "TIFF", compression=compression)
    deep = np.asarray(picture()).astype(np.uint16) * 257
    for name, values, options in (
        ("planes", np.moveaxis(deep, -1, 0), {"planarconfig": "separate", "photometric": "rgb"}),
        ("negative", deep[..., 0], {"photometric": "miniswhite"}),
        ("big-endian", deep, {"photometric": "rgb", "byteorder": ">", "compression": "lzw", "predictor": True}),
    ):
        stream = io.BytesIO()
        tifffile.imwrite(stream, values, metadata=None, **options)
        made[f"TIFF of 16 bits, {name}"] = stream.getvalue()
    made["PNG of 16 bits"] = bytes(imagecodecs.png_encode(deep))
    made["JPEG 2000 of 16 bits"] = bytes(imagecodecs.jpeg2k_encode(deep, level=0, reversible=True, codecformat="jp2"))
    made["profile"] = encoded(picture(), "PNG", icc_profile=profile())
    made["progressive"] = encoded(picture(), "JPEG", progressive=True)
    made["transparency"] = encoded(in_mode("P"), "PNG", transparency=3)
    return made


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"\0s\0R\0G\0B", b"\0x\0x\0x\0x")


@functools.cache
def hole() -> bytes:
    """A mask of the picture's size with a box missing."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[8:14, 10:18] = 255
    return encoded(Image.fromarray(mask), "PNG")


def photo() -> bytes:
    return images()["PNG RGB"]


@functools.cache
def arrays() -> dict[str, bytes]:
    """Array files by name: stored, compressed, packed images, labels, channels first, grey, a bare .npy."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (6, 12, 12, 3), dtype=np.uint8)
    labels = np.arange(6) % 2
    files = [encoded(picture(i, 12, 12), "JPEG") for i in range(4)]
    offset = np.cumsum([0, *map(len, files)])
    parts = {
        "plain.npz": dict(image=pixels),
        "labels.npz": dict(image=pixels, label=labels, class_names=np.array(["a", "b"])),
        "first.npz": dict(x=pixels.transpose(0, 3, 1, 2).copy()), "grey.npz": dict(images=pixels[..., 0]),
        "packed.npz": dict(jpeg=np.frombuffer(b"".join(files), np.uint8), offset=offset, label=np.arange(4)),
        "any.npz": dict(thing=pixels, other=np.ones(3)),
    }  # fmt: skip
    made = {}
    for name, entries in parts.items():
        for write in (np.savez, np.savez_compressed):
            stream = io.BytesIO()
            write(stream, **entries)
            made[name if write is np.savez else f"packed_{name}"] = stream.getvalue()
    stream = io.BytesIO()
    np.save(stream, pixels)
    return made | {"plain.npy": stream.getvalue()}


def tar(members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


@functools.cache
def tars() -> dict[str, bytes]:
    members = {f"class{i % 2}/{'long' * 40 if i == 2 else i}.png": encoded(picture(i, 12, 12), "PNG") for i in range(4)}
    return {str(form): tar(members, form) for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)}


@functools.cache
def checkpoints() -> dict[str, bytes]:
    """Published PyTorch files of a small network: both layouts."""
    import torch_writer

    draw = np.random.default_rng(0)
    state = {f"module.all_modules.{i}.weight": draw.normal(size=(3, 4)).astype(np.float32) for i in range(4)}
    made = {}
    with tempfile.TemporaryDirectory() as place:
        for legacy in (False, True):
            path = Path(place) / "net.pth"
            torch_writer.save({"epoch": 3, "netG_dict": state}, path, legacy=legacy)
            made["legacy" if legacy else "zip"] = path.read_bytes()
    return made


@functools.cache
def weights() -> tuple[bytes, bytes]:
    """A safetensors file of ours and the JSON beside it."""
    from dgan_jax.data.safetensors_file import write_weights

    draw = np.random.default_rng(0)
    params = {"generator": {"conv": {"kernel": draw.normal(size=(3, 4)), "bias": np.zeros(4, np.float32)}}}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "w.safetensors"
        write_weights(path, params, config={"features": 8}, versions={"jax": "0"})
        return path.read_bytes(), path.with_suffix(".json").read_bytes()


@functools.cache
def dataset() -> Path:
    """A folder that holds `sets`, in which is a TFDS dataset `mine`, as dgan data prepare makes it."""
    from dgan_jax.data.prepare import prepare

    folder, photos = Path(tempfile.mkdtemp(prefix="fuzz_set")), Path(tempfile.mkdtemp(prefix="fuzz_photos"))
    for i in range(6):
        (photos / f"{i}.png").write_bytes(encoded(picture(i, 12, 12), "PNG"))
    prepare(photos, "mine", folder / "sets", validation=0.3, workers=1)
    return folder


@functools.cache
def run() -> Path:
    """A folder that holds `run`, as dgan train leaves it after some steps, and a photograph and mask to try it on."""
    import jax

    from dgan_jax import systems
    from dgan_jax.train import configs, runs

    folder = Path(tempfile.mkdtemp(prefix="fuzz_run"))
    (folder / "photo.png").write_bytes(photo())
    # Of another size than the photograph: a run that loads ends here, before anything is compiled.
    (folder / "wrong.png").write_bytes(encoded(Image.new("L", (5, 5)), "PNG"))
    (folder / "run").mkdir()
    config = folder / "tiny.py"
    config.write_text(CONFIG)
    experiment = configs.load(str(config))
    system = systems.build(experiment.system, experiment.task, runs.spec_of(experiment))
    (folder / "run" / "config.json").write_text(json.dumps(configs.to_dict(experiment), indent=2))
    runs.write_state(folder / "run", experiment, jax.device_get(runs.fresh_state(experiment, system)))
    rows = [
        {"step": i, "critic/gap": 1.0, "critic/gradient": 1.0, "generator/reconstruction": 0.1, "guard/skipped": 0}
        for i in range(1, 13)
    ]
    (folder / "run" / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "run" / "data.json").write_text('{"images": 6, "left_out": 0}')
    return folder
