"""Every solver of denoisers with every system that lends one: which pairs run is the table in docs/results/solvers.md.

DGAN_WRITE_DOCS=1 writes the table anew.
"""

import dataclasses
import functools
import os
from pathlib import Path

import jax
import jax.numpy as jnp
from tiny import found

from dgan_jax import systems, tasks
from dgan_jax.core.parts import Denoiser, Spec
from dgan_jax.train import runs

PAGE = Path(__file__).parents[1] / "docs" / "results" / "solvers.md"
BEGIN, END = "<!-- pairs -->", "<!-- /pairs -->"


def lenders():
    """Name -> the first tiny experiment of each system that lends a Denoiser, on images where it can learn them."""
    able = {name for name, lends in systems.lenders().items() if "Denoiser" in lends}
    kept = {}
    for tiny in found():
        name = systems.name_of(tiny.experiment.system)
        images = tasks.name_of(tiny.experiment.task) == systems.IMAGES
        if name in able and (name not in kept or (images and tasks.name_of(kept[name].task) != systems.IMAGES)):
            kept[name] = tiny.experiment
    return dict(sorted(kept.items()))


def solvers():
    names = [name for name in systems.files() if getattr(systems.find(name), "PRIOR", None) is Denoiser]
    return {name: systems.find(name) for name in names}


SIZES = {"ncsn": {"levels": 10}, "ddpm": {"steps": 24, "beta_last": 0.4}}
"""Levels as many as matter to who can use them: a few of diffusion-GANs, ten of NCSN, many of the others."""
FEW, MANY = {"steps": 4}, {"steps": 24}


def sized(name, config):
    changes = SIZES.get(name, FEW if ".diffusion_gan." in type(config).__module__ else MANY)
    return dataclasses.replace(config, **changes)


@functools.cache
def learner(name):
    """A system of which only shapes are computed; zeros stand for what its network says."""
    experiment = lenders()[name]
    experiment = dataclasses.replace(experiment, system=sized(name, experiment.system))
    if "generate" in systems.find(name).TASKS:
        data = dataclasses.replace(experiment.data, classes=0)
        experiment = dataclasses.replace(experiment, task=tasks.find("generate")(), data=data)
    system = runs.built(experiment)
    variables = runs.state_like(experiment, system, 0).variables(system.remembered)
    prior = dataclasses.replace(system.prior, predict=lambda variables, x, t, y, keys: (jnp.zeros_like(x), None))
    if prior.continuous is not None:
        still = prior.continuous._replace(score=lambda variables, x, t: jnp.zeros_like(x))
        prior = dataclasses.replace(prior, continuous=still)
    return experiment, dataclasses.replace(system, prior=prior), variables


def measured(task, data):
    example = {"image": jnp.zeros((1, data.size, data.size, data.channels))}
    return jax.vmap(task.measure)(jax.random.split(jax.random.key(0), 1), example)


CHOICES = ({}, {"choose": "step"})
"""Options to try in turn, where a solver has them."""


def tried(name, solver):
    """ "yes", the option with which it runs, or the sentence of the refusal."""
    experiment, system, variables = learner(name)
    module, learnt, data = systems.find(solver), experiment.task, experiment.data
    spec = Spec(height=data.size, width=data.size, channels=data.channels)
    steers = getattr(module, "STEERS", False) and tasks.name_of(learnt) == systems.IMAGES
    task = tasks.find("inpaint")(fill="none", hole="box") if steers else learnt
    said = ""
    for choices in CHOICES:
        if not choices.keys() <= {field.name for field in dataclasses.fields(module.Config)}:
            continue
        try:
            solved = systems.solve(module.Config(**choices), task, spec, learner=name, system=system, learnt=learnt)
            y = jax.eval_shape(lambda: measured(task, data))
            keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 1))
            image = jax.eval_shape(solved.restore, variables, y, keys)
        except ValueError as error:
            said = said or " ".join(str(error).split())
            continue
        assert image.shape == (1, data.size, data.size, data.channels)
        return ", ".join(f"`{key}={value}`" for key, value in choices.items()) or "yes"
    return said


def table():
    """Markdown: a row a solver, a column a prior; refusals are numbered, and stand below."""
    columns, refusals, lines = list(lenders()), [], []
    lines.append(f"| | {' | '.join(columns)} |")
    lines.append(f"| --- |{' --- |' * len(columns)}")
    for solver in solvers():
        cells = []
        for name in columns:
            answer = tried(name, solver)
            if answer != "yes" and not answer.startswith("`"):
                if answer not in refusals:
                    refusals.append(answer)
                answer = f"no ({refusals.index(answer) + 1})"
            cells.append(answer)
        lines.append(f"| {solver} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"{i}. {said}" for i, said in enumerate(refusals, 1))])


def cells(text):
    """(solver, system) -> what a table's cell says, a refusal in full."""
    lines = [line for line in text.strip().splitlines() if line]
    refusals = {line.partition(". ")[0]: line.partition(". ")[2] for line in lines if line[0].isdigit()}
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    told = {}
    for row in rows[2:]:
        for name, cell in zip(rows[0][1:], row[1:], strict=True):
            told[row[0], name] = refusals[cell[4:-1]] if cell.startswith("no (") else cell
    return told


def test_the_table_of_solvers_and_priors_is_what_runs():
    now, page = table(), PAGE.read_text()
    before, rest = page.split(BEGIN)
    written, after = rest.split(END)
    if os.environ.get("DGAN_WRITE_DOCS"):
        PAGE.write_text(f"{before}{BEGIN}\n{now}\n{END}{after}")
        return
    found, told = cells(now), cells(written)
    # A system that has just been added may not be in the page yet; what is there holds.
    assert len(told) >= 80
    assert {pair: found[pair] for pair in told} == told, "the table is another now: DGAN_WRITE_DOCS=1 writes it"
    # What runs with nothing, or is refused by all, is a fault of the interface and not of a pair.
    assert all(
        any(cell in ("yes", "`choose=step`") for (who, _), cell in found.items() if who == solver)
        for solver in solvers()
    )
