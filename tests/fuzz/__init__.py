"""Bad input for every entrance of the command line.

    python -m tests.fuzz --count 2000

damage.py breaks bytes; good.py makes the files to be broken; pictures.py, arrays.py, orders.py, runs.py and stores.py
say what each kind of bad input is and how it reaches the command line, and entrances.py lists them; bombs.py holds what
must be tried in a process of its own; judge.py runs one input and says what came of it. All draws are Hypothesis
strategies, so that a test that fails in the suite is shrunk to its smallest input.
"""
