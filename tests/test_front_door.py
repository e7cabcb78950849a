"""What `dgan` says to who types nothing else: four things, each a command that exists."""

import re

from dgan_jax.cli.main import main, verbs
from dgan_jax.train import configs, weights


def test_without_arguments_it_says_the_four_things_that_people_do_first(capsys):
    assert main([]) == 0
    said = capsys.readouterr().out
    commands = re.findall(r"dgan ([a-z]+)(?: ([a-z_]+))?", said)
    named = [verb for verb, _ in commands]
    for verb in ("restore", "app", "train", "evaluate"):
        assert verb in named
    assert {verb for verb, _ in re.findall(r"  dgan ([a-z]+)( |$)", said)} <= set(verbs())
    assert dict(commands)["train"] in configs.known()
    assert "dgan_photos" in weights.known()
    assert main(["--help"]) == 0
    everything = capsys.readouterr().out
    assert all(f"  {verb} " in everything for verb in verbs())
