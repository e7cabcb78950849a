"""The replacement method of score-based models, by predictor and corrector, against the reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import recipe
from published import error, fixtures, meta_of, nhwc

from dgan_jax.process.sde import SubVariancePreserving, VarianceExploding, VariancePreserving, score_of
from dgan_jax.samplers import predictor_corrector as pc

PREDICTORS = {
    "EulerMaruyamaPredictor": "euler", "ReverseDiffusionPredictor": "reverse",
    "AncestralSamplingPredictor": "ancestral", "NonePredictor": "none",
}  # fmt: skip
CORRECTORS = {"LangevinCorrector": "langevin", "AnnealedLangevinDynamics": "annealed", "NoneCorrector": "none"}
TOYS = {
    "out = 0.8 x + 0.15 roll(x,1,last) + 0.0001 label": lambda x, left, label: 0.8 * x + 0.15 * left + 0.0001 * label,
    "out = (0.2 roll(x,1,last) - x) / (1 + label)^2, with label as the reference passes it": (
        lambda x, left, label: (0.2 * left - x) / (1 + label) ** 2
    ),
}


@pytest.mark.parametrize("path", fixtures("replacement_inpainting_*"))
def test_replacement_repeats_the_published_chain(path):
    data, meta = np.load(path), meta_of(path)
    args = dict(meta["args"])
    kind, steps = args.pop("sde"), args.pop("N")
    betas = args.pop("beta_min"), args.pop("beta_max")
    sigmas = args.pop("sigma_min"), args.pop("sigma_max")
    sde = {
        "vp": lambda: VariancePreserving(*betas, steps),
        "subvp": lambda: SubVariancePreserving(*betas, steps),
        "ve": lambda: VarianceExploding(*sigmas, steps),
    }[kind]()
    toy = TOYS[meta["toy_network"]]
    network = lambda x, label: toy(x, jnp.roll(x, 1, axis=2), label[:, None, None, None])
    score = score_of(network, sde, continuous=args.pop("continuous"))
    options = {
        "predictor": PREDICTORS[args.pop("predictor")], "corrector": CORRECTORS[args.pop("corrector")],
        "corrections": args.pop("n_steps"), "snr": args.pop("snr"), "end": args.pop("eps"), "coupled": True,
        "flow": args.pop("probability_flow", False),
    }  # fmt: skip
    assert not args, "the fixture restates an argument that this test does not take"
    image, known = (jnp.asarray(nhwc(data[name])) for name in ("in.data", "in.mask"))
    read = lambda name: nhwc(recipe.array(f"{meta['prefix']}.{name}", data["in.data"].shape))
    drawn = jnp.asarray(np.stack([read(f"noise.{i}") for i in range(meta["draws"])]))
    start = jnp.where(known > 0, image, sde.prior_std * read("prior"))
    put = pc.replacing(sde, image, known, literal=True)

    sample, mean = jax.jit(lambda x: pc.sample(score, sde, x, lambda i: drawn[i], put=put, **options))(start)
    assert error(sample, nhwc(data["out.sample"])) < 1e-4
    assert error(mean, nhwc(data["out.denoised"])) < 1e-4
    # Ours is clean everywhere: what is known is the published one, the hole is what the predictor left without noise.
    put = pc.replacing(sde, image, known)
    _, clean = pc.sample(score, sde, start, lambda i: drawn[i], put=put, **options)
    assert error(clean * known, mean * known) < 1e-5
    assert not np.allclose(clean, mean)


def test_an_image_does_not_depend_on_its_neighbours():
    sde = VariancePreserving(steps=25)
    x, fresh = (jax.random.normal(jax.random.key(i), (2, 4, 4, 3)) for i in range(2))
    score = score_of(lambda x, label: 0.5 * x, sde)
    run = lambda x, z: pc.sample(score, sde, x, lambda i: z, predictor="reverse", corrector="langevin")[0]
    assert np.allclose(run(x, fresh)[:1], run(x[:1], fresh[:1]), atol=1e-5)
