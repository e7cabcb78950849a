"""Published figures of the methods that this package is compared with: value, protocol, source, and what is doubtful.

`rows` finds them, `beside` tells which of them a measured figure may stand next to, `corrections` lists what the review
that tables 1 to 3 come from prints wrongly. The figures themselves are in the .toml files here, the name of a metric
carries its protocol (`protocols.toml`), as everywhere in the package.
"""

from dgan_jax.published.data import PROTOCOLS, TABLES, Correction, Protocol, Row, Table
from dgan_jax.published.find import beside, corrections, rows

__all__ = ["PROTOCOLS", "TABLES", "Correction", "Protocol", "Row", "Table", "beside", "corrections", "rows"]
