"""Results -> one of the paper's tables or figures, by its name, in all its formats.

Light: a family's file, and with it pandas or matplotlib, is imported when something of it is made.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from had.data.layouts import canonical_name
from had.errors import ConfigError, nearest
from had.options.experiment import Experiment

KINDS = {
    "table": {
        "main": "tables",
        "ablation": "tables",
        "attributes": "tables",
        "cost": "tables",
    },
    "figure": {
        "success": "figures.curves",
        "precision": "figures.curves",
        "normalized_precision": "figures.curves",
        "attributes": "figures.attributes",
        "ablation": "figures.ablation",
        "losses": "figures.losses",
        "strips": "figures.strips",
        "responses": "figures.responses",
        "speed": "figures.speed",
    },
}
"""The tables and figures there are, and the family that makes each."""


def write_product(what: str, kind: str, *, experiment: Experiment, benchmark: str, stem: Path) -> None:
    """Write ``<stem>.csv``, ``.md`` and ``.tex`` of a table, or ``<stem>.pdf`` and ``.png`` of a figure.

    Each file appears whole or not at all.

    Args:
        what: ``table`` or ``figure``.
        kind: one of `KINDS` of it.
        experiment: the configuration whose results are read.
        benchmark: any accepted name.
        stem: path without suffix.

    Raises:
        ConfigError: no such table or figure.
        DataError: the results that it shows are missing.
    """
    kinds = KINDS[what]
    if kind not in kinds:
        raise ConfigError(f"a {what} among {', '.join(kinds)}", repr(kind), nearest(kind, kinds))
    family, name = import_module(f"had.evaluation.{kinds[kind]}"), canonical_name(benchmark)
    if what == "table":
        from had.evaluation.table_formats import write

        write(family.table(experiment, name, kind), Path(stem), label=f"tab:{kind}_{name}")
        return
    from had.evaluation import style

    with style.applied():
        style.save(family.draw(experiment, name, kind), Path(stem))
