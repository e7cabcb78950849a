"""Relativistic average GAN: is the real image more real than the generated ones are on average?

Jolicoeur-Martineau, arXiv 1807.00734, with the cross-entropy; ESRGAN, arXiv 1809.00219, equations 1 to 3. `real` and
`fake` are logits of any shape; means are over the batch of all devices of `axis_name`. Losses are halves of sums.
"""

import jax
import jax.numpy as jnp

from dgan_jax.core.devices import mean_over
from dgan_jax.objectives.adversarial import as_fake, as_real

still = jax.lax.stop_gradient


def mean(logits: jax.Array, axis_name: str | None) -> jax.Array:
    """Over the batch on all devices; []."""
    return mean_over(jnp.mean(logits), axis_name)


def generator(real: jax.Array, fake: jax.Array, axis_name: str | None = None) -> jax.Array:
    """Real images should look generated beside the fakes, and these real; the real logits are constants."""
    real = still(real)
    return 0.5 * (as_fake(real - mean(fake, axis_name)) + as_real(fake - mean(real, axis_name)))


def critic(real: jax.Array, fake: jax.Array, axis_name: str | None = None) -> jax.Array:
    """As BasicSR trains it, in two backward passes: both means are constants, whence other slopes than the paper's."""
    real_mean, fake_mean = (still(mean(logits, axis_name)) for logits in (real, fake))
    return 0.5 * (as_real(real - fake_mean) + as_fake(fake - real_mean))


def critic_of_the_paper(real: jax.Array, fake: jax.Array, axis_name: str | None = None) -> jax.Array:
    """The same value with slopes through the means, as in RankSRGAN's code."""
    return 0.5 * (as_real(real - mean(fake, axis_name)) + as_fake(fake - mean(real, axis_name)))
