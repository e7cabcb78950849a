"""The published networks that metrics look through, and their weights in a local folder. Nothing is ever downloaded.

`dgan convert FILE --network NAME -o FOLDER` puts NAME.safetensors there, with the SHA-256 of the published file in it.
"""

import functools
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.data.safetensors_file import read_weights
from dgan_jax.nets.alexnet import AlexNet
from dgan_jax.nets.inception_v3 import SIDE, InceptionV3
from dgan_jax.nets.lpips import VGG_LAYERS
from dgan_jax.nets.resnet_dilated import ResNetDilated
from dgan_jax.nets.squeezenet import SqueezeNet
from dgan_jax.nets.vgg import VGG

VARIABLE = "DGAN_WEIGHTS"


class Published(NamedTuple):
    """A network, a side of images that it takes, and the files it was published in, named by their SHA-256."""

    network: nn.Module
    side: int
    files: tuple[str, ...]

    def shapes(self) -> Any:
        """The tree of its parameters' shapes."""
        images = jax.ShapeDtypeStruct((1, self.side, self.side, 3), jnp.float32)
        return jax.eval_shape(self.network.init, jax.random.key(0), images)["params"]

    def has_file(self, digest: str) -> bool:
        """Whether a file of this SHA-256 is a published one: eight hexadecimal digits of it end its name."""
        return any(digest.startswith(start) for name in self.files for start in digits_of(name))


def digits_of(name: str) -> list[str]:
    """The beginning of the SHA-256 that a file's name tells, if it tells one."""
    return re.findall(r"-([0-9a-f]{8})\.", name)


NETWORKS: dict[str, Published] = {
    "inception_v3_fid": Published(
        InceptionV3(),
        SIDE,
        ("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth"),
    ),
    "alexnet": Published(AlexNet(), 64, ("alexnet-owt-7be5be79.pth", "alexnet-owt-4df8aa71.pth")),
    "vgg16": Published(VGG(16, VGG_LAYERS), 32, ("vgg16-397923af.pth",)),
    "vgg16_fc2": Published(VGG(16, ("relu7",)), 224, ("vgg16-397923af.pth",)),
    "vgg19": Published(VGG(19, ("conv5_4",)), 32, ("vgg19-dcbb9e9d.pth",)),
    # The encoder of "ade20k-resnet50dilated-ppm_deepsup"; its name tells nothing of its content.
    "resnet50_ade20k": Published(ResNetDilated(), 64, ("encoder_epoch_20.pth",)),
    "squeezenet1_1": Published(SqueezeNet(), 64, ("squeezenet1_1-b8a52dc0.pth", "squeezenet1_1-f364aa15.pth")),
}


class Judge(NamedTuple):
    """Weights on the device, and the words about them that belong into a metric's protocol."""

    params: Any
    words: str


def place(name: str, folder: Path | None) -> Path:
    """Where the weights of a network lie, or a ValueError that says how they come there."""
    file = NETWORKS[name].files[0]
    source = "".join([file, *(f" (SHA-256 {start}...)" for start in digits_of(file))])
    given = folder or os.environ.get(VARIABLE)
    if not given:
        raise ValueError(
            f"the weights of {name} are not shipped, and no folder was given: get {source}, run "
            f"dgan convert {file} --network {name} -o FOLDER, and name FOLDER as weights or in {VARIABLE}"
        )
    path = Path(given) / f"{name}.safetensors"
    if not path.is_file():
        raise ValueError(f"no {path}: get {source} and run dgan convert {file} --network {name} -o {given}")
    return path


def read(name: str, folder: Path | None) -> Judge:
    """The weights of NETWORKS[name] from `folder`, or from the one that the environment variable DGAN_WEIGHTS names."""
    return loaded(name, place(name, folder).absolute())


@functools.lru_cache(maxsize=2)
def loaded(name: str, path: Path) -> Judge:
    """Kept, so that metrics which look through one network share it."""
    weights = read_weights(path)
    try:
        network, source, digest = (str(weights.config[key]) for key in ("network", "source", "source_sha256"))
    except KeyError as error:
        raise ValueError(f"{path} does not say its {error}; it was not written by dgan convert --network") from None
    if network != name:
        raise ValueError(f"{path} holds the weights of {network}, not of {name}; convert the right file")
    words = f"weights {source}, SHA-256 {digest[:16]}"
    if not NETWORKS[name].has_file(digest):
        words += ", NOT the published ones: comparable with nothing"
    return Judge(jax.tree.map(jnp.asarray, weights.params), words)
