"""Which rows the pictures show that grow crowded, and what they say of the others."""

import pytest
from synthetic import experiment

from had.evaluation import style
from had.evaluation.figures import scenes
from had.evaluation.figures.attribute_bars import left_out


def test_crowded_pictures_show_as_many_rows_as_can_be_told_apart(tmp_path):
    usual = experiment(tmp_path)
    assert len(scenes.few_rows(usual)) == style.MOST_LINES == len(usual.runs)
    more = experiment(tmp_path, external={"other": str(tmp_path)}, figures={"runs": ["had_sa"]})
    shown = [row.run for row in scenes.few_rows(more)]
    assert len(shown) == style.MOST_LINES
    assert {"had_sa", "other"} <= set(shown)


@pytest.mark.parametrize("others", [2, 7])
def test_crowded_pictures_show_the_controls_that_are_named_and_no_others(tmp_path, others):
    external = {f"other{k}": str(tmp_path) for k in range(others)}
    named = experiment(tmp_path, runs={}, external=external, figures={"runs": ["static", "other1"]})
    wanted = ["static", "other1", *(name for name in external if name != "other1")][: style.MOST_LINES]
    assert {row.run for row in scenes.few_rows(named)} == set(wanted)
    more = others - len(set(wanted) & set(external))
    assert left_out(named, []) == (f"; {more} more rows in the table" if more else "")
