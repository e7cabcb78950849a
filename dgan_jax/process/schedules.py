"""Schedules of small-step Gaussian diffusion: betas, the steps that a sampler visits, and FastDPM's variances.

What is linear in one paper is called square root in another, so the names here say what is linear: `PUBLISHED` gives
the names that each publication uses for them. Everything is float64; index 0 is the first step from clean data.
"""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln

from dgan_jax.core.names import lookup

Schedule = Callable[[int, float, float], np.ndarray]
"""(T, first beta, last beta) -> betas [T]."""


def warmup(share: float) -> Schedule:
    """The last beta throughout, but for a linear rise over the first `share` of the steps."""

    def betas(steps: int, first: float, last: float) -> np.ndarray:
        rising = int(steps * share)
        return np.concatenate([np.linspace(first, last, rising), np.full(steps - rising, last)])

    return betas


def sigmoid(steps: int, first: float, last: float) -> np.ndarray:
    """Along a logistic curve from -6 to 6."""
    return (last - first) / (1 + np.exp(-np.linspace(-6, 6, steps))) + first


def cosine(steps: int, first: float, last: float) -> np.ndarray:
    """alpha_bar falls as the square of a cosine; no beta above 0.999 (Nichol, Dhariwal, arXiv 2102.09672, equation 17).

    The two betas are not used.
    """
    del first, last
    level = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.minimum(1 - level[1:] / level[:-1], 0.999)


SCHEDULES: Mapping[str, Schedule] = {
    "beta_linear": lambda steps, first, last: np.linspace(first, last, steps),
    "beta_square_of_linear": lambda steps, first, last: np.linspace(first**0.5, last**0.5, steps) ** 2,
    "beta_root_of_linear": lambda steps, first, last: np.linspace(first, last, steps) ** 0.5,
    "beta_warmup10": warmup(0.1),
    "beta_warmup50": warmup(0.5),
    "beta_constant": lambda steps, first, last: np.full(steps, last),
    "beta_harmonic": lambda steps, first, last: 1.0 / np.arange(steps, 0, -1),
    "beta_sigmoid": sigmoid,
    "alpha_bar_cosine": cosine,
}

PUBLISHED: Mapping[str, Mapping[str, str]] = {
    "ddpm": {
        "linear": "beta_linear", "quad": "beta_square_of_linear", "warmup10": "beta_warmup10",
        "warmup50": "beta_warmup50", "const": "beta_constant", "jsd": "beta_harmonic", "sigmoid": "beta_sigmoid",
    },
    "guided_diffusion": {"linear": "beta_linear", "cosine": "alpha_bar_cosine"},
    "latent_diffusion": {
        "linear": "beta_square_of_linear", "sqrt_linear": "beta_linear", "sqrt": "beta_root_of_linear",
        "cosine": "alpha_bar_cosine",
    },
}  # fmt: skip


def betas_of(schedule: str, steps: int = 1000, *, first: float = 1e-4, last: float = 0.02) -> np.ndarray:
    """[T] float64 betas by name (`SCHEDULES`)."""
    make = lookup("schedule", schedule, SCHEDULES)
    if steps < 1:
        raise ValueError(f"a diffusion needs at least 1 step, got {steps}")
    if not 0 < first < 1 or not 0 < last < 1:
        raise ValueError(f"the first and the last beta must lie between 0 and 1, got {first} and {last}")
    return make(steps, first, last)


def uniform_steps(steps: int, count: int) -> np.ndarray:
    """Every (T // count)-th of T steps, from 0: more than `count` of them where that does not divide T (DDIM)."""
    check_count(steps, count)
    return np.arange(0, steps, steps // count)


def quadratic_steps(steps: int, count: int) -> np.ndarray:
    """Squares of evenly spaced numbers, the last at 0.8 T: dense where there is little noise (DDIM).

    The first steps may be the same.
    """
    check_count(steps, count)
    return (np.linspace(0, np.sqrt(0.8 * steps), count) ** 2).astype(int)


def floored_steps(steps: int, count: int) -> np.ndarray:
    """From 0 to T - 1, as even as rounding down lets them be (FastDPM's linear STEP)."""
    check_count(steps, count)
    return np.arange(count) * (steps - 1) // max(count - 1, 1)


def rounded_steps(steps: int, count: int) -> np.ndarray:
    """From 0 to T - 1 in strides that are summed up and rounded half to even (guided diffusion's respacing)."""
    check_count(steps, count)
    stride, place, places = (steps - 1) / (count - 1) if count > 1 else 1.0, 0.0, []
    for _ in range(count):
        places.append(round(place))
        place += stride
    return np.asarray(places)


STEPS: Mapping[str, Callable[[int, int], np.ndarray]] = {
    "uniform": uniform_steps,
    "quadratic": quadratic_steps,
    "floored": floored_steps,
    "rounded": rounded_steps,
}


def check_count(steps: int, count: int) -> None:
    """A ValueError unless a chain of `steps` can be run in `count`."""
    if not 1 <= count <= steps:
        raise ValueError(f"a chain of {steps} steps can be run in 1 to {steps} steps, got {count}")


def variances(steps: int, count: int, *, first: float, last: float, spacing: str = "linear") -> np.ndarray:
    """[count] betas of a short chain that ends as noisy as one of T linear betas does (FastDPM, equation 15 ff.).

    spacing: linear, or quadratic, whose greatest beta stays below 0.95^2: a short chain then ends less noisy.
    """
    check_count(steps, count)
    aim = np.sum(np.log1p(-np.linspace(first, last, steps)))
    i = np.arange(count)
    shapes = {
        "linear": (lambda b: np.linspace(first, b, count), (first, 0.99)),
        "quadratic": (lambda b: first * (1 + i * b) ** 2, (0.0, 0.95 / np.sqrt(first) / count)),
    }
    shape, (least, most) = lookup("spacing of variances", spacing, shapes)
    miss = lambda b: np.sum(np.log1p(-shape(b))) - aim
    if miss(least) < 0:
        return shape(least)
    return shape(most if miss(most) > 0 else brentq(miss, least, most, xtol=1e-14))


def log_level(t: np.ndarray | float, steps: int, *, first: float, last: float) -> np.ndarray:
    """log alpha_bar of T linear betas at a time that may be a fraction, -1 <= t <= T - 1 (FastDPM, equation 13)."""
    rise = (last - first) / (steps - 1)
    top = (1 - first) / rise
    return (np.asarray(t) + 1) * np.log(rise) + gammaln(top + 1) - gammaln(top - np.asarray(t))


def times_of_levels(levels: np.ndarray, steps: int, *, first: float, last: float) -> np.ndarray:
    """The time, maybe a fraction, at which T linear betas have reached each alpha_bar; at most T - 1.

    Exact. The published code does this in float32, whose sums of logarithms of factorials are known to 0.03 only: its
    times are off by up to one step.
    """
    options = {"first": first, "last": last}
    end = float(np.exp(log_level(steps - 1, steps, **options)))
    solve = lambda level: brentq(lambda t: float(log_level(t, steps, **options)) - np.log(level), -1.0, steps - 1.0)
    return np.asarray([steps - 1.0 if level <= end else solve(level) for level in levels])
