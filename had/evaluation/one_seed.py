"""Networks trained once: their scores tell networks from baselines, not rows from each other.

Another training seed moves a score as much as a method does, and an interval over sequences does not show it. Hence
such rows are neither ranked nor tested, and tables and page say so.
"""

from __future__ import annotations

from collections.abc import Sequence

from had.evaluation.rows import Row

_TELLS = "tell networks from baselines, not rows from each other"
LINES_OF_ONE_SEED = f"Differences of one training seed {_TELLS}: they get no p."
"""What stands above a table of differences of which some are of one seed."""


def trained_once(row: Row) -> bool:
    """Whether it is a network of a single training seed."""
    return row.trained and len(row.seeds) == 1


def comparable(rows: Sequence[Row]) -> list[bool]:
    """Which rows may be ranked among each other and tested: those not trained once; none where all networks are."""
    networks = [row for row in rows if row.trained]
    nothing = bool(networks) and all(map(trained_once, networks))
    return [not nothing and not trained_once(row) for row in rows]


def one_seed_sentence(rows: Sequence[Row]) -> str:
    """What stands above a table of these rows; empty where every network has several seeds."""
    networks = [row for row in rows if row.trained]
    once = [row.title for row in networks if trained_once(row)]
    if not once:
        return ""
    if len(once) == len(networks):
        return f"With one training seed these scores {_TELLS}: nothing is ranked, and no p is given."
    return f"Trained with one seed: {', '.join(once)}. Such scores {_TELLS}: they are not ranked and get no p."
