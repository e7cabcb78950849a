"""system.dropout acts in training, a mask for each example, and never when restoring."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dgan_jax import systems
from dgan_jax.core.parts import Context, Spec
from dgan_jax.systems.diffusion_gan import ddgan, wavediff
from dgan_jax.tasks.denoise import Denoise

SMALL = {
    "steps": 2, "features": 8, "multipliers": (1,), "blocks": 1, "attention": (), "latent": 4, "latent_layers": 1,
    "latent_embedding": 8, "critic_features": 4, "critic_embedding": 8, "reconstruction": 1.0, "regression_share": 0.5,
}  # fmt: skip
CONFIGS = {"ddgan": ddgan.Config(**SMALL), "wavediff": wavediff.Config(**SMALL, bottleneck=False)}


@pytest.mark.parametrize("name", CONFIGS)
def test_dropout_acts_in_every_loss_by_the_keys_of_the_examples_and_not_when_restoring(name):
    side = 8 if name == "ddgan" else 16
    task, spec = Denoise(), Spec(height=side, width=side, channels=3, steps=4, batch=2)
    draw, keys = np.random.default_rng(0), jax.random.split(jax.random.key(0), 2)
    plain, noisy = (systems.build(dataclasses.replace(CONFIGS[name], dropout=p), task, spec) for p in (0.0, 0.5))
    batch = {"image": jnp.asarray(draw.uniform(-1, 1, (2, side, side, 3)), jnp.float32)}
    y = jax.vmap(task.measure)(keys, batch)
    init = lambda key: {name: one.module.init(key, *one.inputs(y))["params"] for name, one in plain.players.items()}
    shapes = jax.eval_shape(init, jax.random.key(0))
    params = jax.tree.map(lambda x: jnp.asarray(0.3 * draw.normal(size=x.shape), x.dtype), shapes)
    context = Context({}, {}, jnp.ones((), jnp.int32), {})

    @jax.jit
    def losses(second):
        """Of all phases, with the critic's gap: a sure critic's loss does not feel its logits. `second`: the key of
        dropout of the second example."""
        found = []
        for stage in noisy.stages:
            draws = dict(jax.vmap(stage.objective.draw)(keys, batch))
            for player in ("critic", "generator"):
                draws[player] = draws[player].replace(dropout=draws[player].dropout.at[1].set(second))
            for phase in stage.objective.phases:
                loss, report = phase.loss(params, context, batch, draws)
                found.append(loss + report.metrics.get("critic/gap", 0.0))
        return jnp.stack(found)

    one, again, other = (losses(jax.random.key(seed)) for seed in (1, 1, 2))
    assert one.shape == (3,), "the regression, the critic and the generator"
    np.testing.assert_array_equal(one, again)
    assert np.all(one != other)
    restoring = lambda system: str(
        jax.make_jaxpr(lambda p: system.restore({"params": p, "model_state": {}}, y, keys))(params)
    )
    assert restoring(plain) == restoring(noisy)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_share_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match=r"system.dropout must be in \[0, 1\), got 1"):
        dataclasses.replace(CONFIGS[name], dropout=1.0)
