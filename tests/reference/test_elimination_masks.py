"""The parts of candidate elimination that the released code holds and does not use: schedule and template cells."""

import numpy as np

from had.models.elimination import keep_ratio_at, template_cells


def test_schedule_and_masks(compare):
    comparison = compare("ce_masks")
    rows = comparison.wanted["keep_rate"]
    ours = [keep_ratio_at(epoch, first=first, last=last, final=final) for epoch, first, last, final, _ in rows]
    comparison.add("keep_rate", np.column_stack([rows[:, :4], ours]))
    for name, choice in (("mask_CTR_POINT", "point"), ("mask_CTR_REC", "centre")):
        batch = len(comparison.wanted[name])
        comparison.add(name, template_cells(choice, (8, 8)).expand(batch, -1))
    # mask_GT_BOX marks the cells of a box that the set does not hold. We have no such choice: a network is not told
    # the box, only the crop around it. What can be held is that these masks are rectangles, as a box's cells are.
    for mask in comparison.wanted["mask_GT_BOX"].reshape(-1, 8, 8):
        assert np.array_equal(mask, np.outer(mask.any(axis=1), mask.any(axis=0)))
