"""A stochastic differential equation that reverts to the damaged image: dx = theta (mu - x) dt + sigma dw.

Luo et al., "Image Restoration with Mean-Reverting Stochastic Differential Equations", ICML 2023, arXiv 2301.11699. Its
variance at the end is constant, sigma^2 = 2 lambda^2 theta, so that both marginal and posterior are known.

With the clean image itself in the place of mu it is their denoising SDE, `denoising_*`: noise alone comes and goes, and
a noisy image is a state of it, from which the way back begins (`state_of`).

Time `t` [B] is an integer in 1 .. T; tables are [T+1], entry 0 is the clean image. Images are in [0, 1] here, as
lambda is told in grey levels of 255. `mu` is the damaged image, of the shape of x.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Array
from dgan_jax.process.gaussian import at


@struct.dataclass
class MeanReverting:
    """Tables of a chain of T steps of length `dt`. `spread` is lambda, the deviation of the end."""

    theta: Array  # how fast x reverts
    sigma: Array  # noise of a step of length 1
    kept: Array  # exp(-integral of theta): the share of x0 - mu that is left
    noise: Array  # deviation of x_t
    dt: Array  # []
    spread: Array  # []

    @property
    def steps(self) -> int:
        return self.theta.shape[0] - 1


def cosine(count: int) -> np.ndarray:
    """One minus a squared cosine (not, as in diffusion, one minus a ratio of two)."""
    angles = (np.arange(count + 2) / (count + 1) + 0.008) / 1.008 * np.pi / 2
    levels = np.square(np.cos(angles)) / np.square(np.cos(angles[0]))
    return (1 - levels)[1:-1]


THETAS = {
    "cosine": lambda count: cosine(count),
    "linear": lambda count: np.linspace(1e-4, 0.02, count) * 1000 / count,
    "constant": lambda count: np.ones(count),
}
"""T + 1 -> [T + 1] rates."""


def mean_reverting(
    steps: int = 100, *, spread: float = 30.0, schedule: str = "cosine", left: float = 0.005
) -> MeanReverting:
    """Tables from the deviation of the end, in grey levels (1 and more) or as a share of white, and from the share of
    x0 that is `left` at the end."""
    if steps < 1:
        raise ValueError(f"a mean-reverting SDE needs at least 1 step, got {steps}")
    if not 0 < left < 1 or not spread > 0:
        raise ValueError(f"what is left of x0 lies between 0 and 1 and the spread is positive, got {left} and {spread}")
    theta = lookup("schedule of theta", schedule, THETAS)(steps + 1)
    deviation = spread / 255 if spread >= 1 else spread
    gone = np.cumsum(theta) - theta[0]
    dt = -np.log(left) / gone[-1]
    tables = MeanReverting(
        theta=theta,
        sigma=deviation * np.sqrt(2 * theta),
        kept=np.exp(-gone * dt),
        noise=deviation * np.sqrt(-np.expm1(-2 * gone * dt)),
        dt=np.asarray(dt),
        spread=np.asarray(deviation),
    )
    return jax.tree.map(lambda table: np.asarray(table, np.float32), tables)


def mean(process: MeanReverting, x0: jax.Array, mu: jax.Array, t: jax.Array) -> jax.Array:
    """E[x_t | x0, mu] (equation 6)."""
    return mu + (x0 - mu) * at(process.kept, t, x0)


def diffuse(process: MeanReverting, x0: jax.Array, mu: jax.Array, t: jax.Array, noise: jax.Array) -> jax.Array:
    """x_t ~ q(x_t | x0, mu)."""
    return mean(process, x0, mu, t) + at(process.noise, t, x0) * noise


def begin(process: MeanReverting, mu: jax.Array, noise: jax.Array) -> jax.Array:
    """What sampling starts with: the damaged image and noise of the end's deviation."""
    return mu + jnp.asarray(process.spread) * noise


def forward_step(process: MeanReverting, x: jax.Array, mu: jax.Array, t: jax.Array, noise: jax.Array) -> jax.Array:
    """One Euler step of the SDE itself."""
    drift = at(process.theta, t, x) * (mu - x) * process.dt
    return x + drift + at(process.sigma, t, x) * np.sqrt(process.dt) * noise


def score_of_noise(process: MeanReverting, said: jax.Array, t: jax.Array) -> jax.Array:
    return -said / at(process.noise, t, said)


def clean_image(process: MeanReverting, x: jax.Array, mu: jax.Array, said: jax.Array, t: jax.Array) -> jax.Array:
    """x0 from a predicted noise."""
    return (x - mu - at(process.noise, t, x) * said) / at(process.kept, t, x) + mu


def reverse_mean(
    process: MeanReverting, x: jax.Array, mu: jax.Array, said: jax.Array, t: jax.Array, *, share: float = 1.0
) -> jax.Array:
    """One Euler step back of the reverse SDE without its noise (equation 7); with a `share` of 1/2 that of its ODE."""
    square = share * jnp.square(at(process.sigma, t, x))
    drift = at(process.theta, t, x) * (mu - x) - square * score_of_noise(process, said, t)
    return x - drift * process.dt


def sde_step(
    process: MeanReverting, x: jax.Array, mu: jax.Array, said: jax.Array, t: jax.Array, noise: jax.Array
) -> jax.Array:
    """x_{t-1} by the reverse SDE. The published code takes its noise away, where others add it."""
    return reverse_mean(process, x, mu, said, t) - at(process.sigma, t, x) * np.sqrt(process.dt) * noise


def ode_step(
    process: MeanReverting, x: jax.Array, mu: jax.Array, said: jax.Array, t: jax.Array, noise: jax.Array
) -> jax.Array:
    """x_{t-1} by the ODE with the same marginals; draws nothing."""
    del noise
    return reverse_mean(process, x, mu, said, t, share=0.5)


def shrinking(process: MeanReverting, t: jax.Array, like: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """exp(-theta dt) of one step, of the way to t, and of the way to t - 1."""
    one = jnp.exp(-at(process.theta, t, like) * process.dt)
    return one, at(process.kept, t, like), at(process.kept, t - 1, like)


def best(process: MeanReverting, x: jax.Array, x0: jax.Array, mu: jax.Array, t: jax.Array) -> jax.Array:
    """The likeliest x_{t-1} given x_t and x0 (proposition 3.2): what training aims at."""
    one, here, before = shrinking(process, t, x)
    rest = -jnp.expm1(2 * jnp.log(here))
    ours = one * -jnp.expm1(2 * jnp.log(before)) / rest
    return ours * (x - mu) + before * -jnp.expm1(2 * jnp.log(one)) / rest * (x0 - mu) + mu


def posterior_std(process: MeanReverting, t: jax.Array, like: jax.Array) -> jax.Array:
    """Deviation of x_{t-1} given x_t and x0; next to nothing at t = 1."""
    one, here, before = shrinking(process, t, like)
    squares = [-jnp.expm1(2 * jnp.log(value)) for value in (one, before, here)]
    variance = squares[0] * squares[1] / squares[2]
    return jnp.asarray(process.spread) * jnp.exp(0.5 * jnp.log(jnp.maximum(variance, 1e-20 * process.dt)))


def posterior_step(
    process: MeanReverting, x: jax.Array, mu: jax.Array, said: jax.Array, t: jax.Array, noise: jax.Array
) -> jax.Array:
    """x_{t-1} from its posterior, x0 being what the predicted noise means."""
    x0 = clean_image(process, x, mu, said, t)
    return best(process, x, x0, mu, t) + posterior_std(process, t, x) * noise


def denoising_mean(
    process: MeanReverting, x: jax.Array, said: jax.Array, t: jax.Array, *, random: bool = True
) -> jax.Array:
    """One step back of the denoising SDE without its noise; where it is not `random`, that of its ODE.

    The drift is what it is in the mean over clean images: the score's alone, as these are not known.
    """
    square = jnp.square(at(process.sigma, t, x)) * (random + jnp.square(at(process.kept, t, x)))
    return x + 0.5 * square * score_of_noise(process, said, t) * process.dt


def denoising_sde_step(
    process: MeanReverting, x: jax.Array, said: jax.Array, t: jax.Array, noise: jax.Array
) -> jax.Array:
    """x_{t-1} by the reverse of the denoising SDE, whose noise is taken away."""
    return denoising_mean(process, x, said, t) - at(process.sigma, t, x) * np.sqrt(process.dt) * noise


def denoising_ode_step(
    process: MeanReverting, x: jax.Array, said: jax.Array, t: jax.Array, noise: jax.Array
) -> jax.Array:
    """x_{t-1} by its ODE; draws nothing. The authors' choice."""
    del noise
    return denoising_mean(process, x, said, t, random=False)


def state_of(process: MeanReverting, deviation: jax.Array) -> jax.Array:
    """[B] in 0 .. T: the state whose time is nearest to that at which images in [0, 1] have noise of this deviation
    [B]; the last one where it is the spread or more."""
    share = jnp.square(deviation / process.spread)
    wanted = -0.5 * jnp.log(jnp.maximum(1 - share + 1e-6, 1e-6))
    gone = -jnp.log(jnp.asarray(process.kept))
    return jnp.argmin(jnp.abs(gone[None, :] - wanted[:, None]), axis=1)


STEPS = {"sde": sde_step, "ode": ode_step, "posterior": posterior_step}
"""Ways back, by the names that configs use."""
DENOISING_STEPS = {"sde": denoising_sde_step, "ode": denoising_ode_step}
