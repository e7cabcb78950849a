"""Probability flow: a diffusion's ODE, solved as exactly as is asked for, and what follows from it.

Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations", ICLR 2021, arXiv 2011.13456,
section 4.3. Images are a function of their noise, and the other way round (`encoded`, `interpolated`); an image's
density is known, which `dgan evaluate` shows as bits per dimension.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core import noise
from dgan_jax.core.parts import Denoiser, Measurement, OwnFigure, Spec, System, Task
from dgan_jax.samplers import probability_flow as ode
from dgan_jax.systems import walking

PAPER = "Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole 2021, arXiv 2011.13456"
TASKS = ("generate", "inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture")
PRIOR = Denoiser
FEWEST = 20
"""Levels that a chain must have: between fewer there is no curve to follow."""
LEAST = 1e-5
"""The time at which an image stands when its density is asked for, of priors in continuous time."""
PROTOCOL = (
    "bits_per_dimension: of images of 8 bits with uniform noise of a bin added, by the probability-flow ODE and one "
    "probe of the trace (Song et al. 2021); nan on the codes of an autoencoder"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    rtol: float = 1e-5
    """Tolerated error of a step, in parts of a value ..."""
    atol: float = 1e-5
    """... and besides."""
    denoise: bool = False
    """One call more at the end, for the little noise that is left there."""

    def __post_init__(self) -> None:
        for name in ("rtol", "atol"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"system.{name} must lie between 0 and 1, got {getattr(self, name)}; published: 1e-5")


def flow_of(walk: walking.Walk, *, density: bool = False) -> ode.Flow:
    """The ODE of a walk's prior. What its network draws is the same throughout."""
    prior = walk.prior
    if prior.continuous is None:
        return ode.of_tables(prior.process, lambda x, t: walk.predict(x, t, jnp.zeros((), jnp.int32))[0])
    sde, score, end = prior.continuous
    return ode.of_sde(sde, lambda x, t: score(walk.variables, x, t), LEAST if density else end)


def encoded(config: Config, walk: walking.Walk, images: jax.Array) -> jax.Array:
    """Images [B, H, W, C] -> the noise of which they are made, as large as the prior's."""
    x = walk.space.encode(images)
    return ode.carried(flow_of(walk), x, to_noise=True, rtol=config.rtol, atol=config.atol)[0]


def decoded(config: Config, walk: walking.Walk, x: jax.Array) -> jax.Array:
    """Noise -> images in [-1, 1]."""
    x, _ = ode.carried(flow_of(walk), x, rtol=config.rtol, atol=config.atol)
    if config.denoise:
        zero = jnp.zeros(x.shape[:1], jnp.int32)
        x = walk.predict(x, zero, jnp.ones((), jnp.int32))[0]
    return walk.image(x)


def interpolated(config: Config, walk: walking.Walk, a: jax.Array, b: jax.Array, share: float | jax.Array) -> jax.Array:
    """An image between a (share 0) and b (1), [B, H, W, C] each: from the noise between theirs."""
    return decoded(config, walk, ode.between(encoded(config, walk, a), encoded(config, walk, b), share))


def build(config: Config, task: Task, spec: Spec, prior: Denoiser) -> System:
    """The prior's own task; calls depend on the image."""
    del spec
    if prior.continuous is None and prior.process.steps < FEWEST:
        raise ValueError(
            f"a chain of {prior.process.steps} levels has no probability flow; this solver wants a run in continuous "
            f"time (score_sde_vp and its like) or one of {FEWEST} levels and more (ddpm); try dpm_solver or heun"
        )

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        walk = walking.walk(prior, variables, y, keys)
        return jnp.clip(task.project(decoded(config, walk, walk.start), y), -1, 1)

    def bits(variables: dict, images: jax.Array, y: Measurement, keys: jax.Array) -> jax.Array:
        walk = walking.walk(prior, variables, y, keys)
        space, size = walk.space, images[0].size
        if space.channels(images.shape[-1]) != images.shape[-1] * space.factor**2:
            return jnp.full(images.shape[:1], jnp.nan)
        fill = jax.vmap(lambda key: jax.random.uniform(key, images.shape[1:]))(walking.folded(keys, walking.DRAWN))
        levels = jnp.round((images + 1) * 127.5)
        x = space.encode((levels + fill) / 128 - 1)
        # A probe for each example, -1 or 1.
        probe = jnp.sign(noise.normals(walking.folded(keys, walking.START), x.shape[1:]))
        density, _, _ = ode.log_density(
            flow_of(walk, density=True), x, jnp.where(probe == 0, 1.0, probe), rtol=config.rtol, atol=config.atol
        )
        # Codes are a factor-th of rotated pixels; a bin of 8 bits is 2 / 256 wide.
        return -density / (size * np.log(2)) + np.log2(space.factor) + 7

    figures = {"bits_per_dimension": OwnFigure(bits, "bits per dimension", False, PROTOCOL)}
    return System(restore, calls=None, draws=True, figures=figures)
