"""Task losses: the heat map, the focal loss and the box losses on known and generated cases."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from had.losses.localization import box_losses, focal_loss, gaussian_radius, heat_target
from had.structures import Prediction

CELLS = st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.05, 0.9), st.floats(0.05, 0.9))


def perfect(boxes: torch.Tensor, h: int = 8, w: int = 8) -> Prediction:
    """A prediction whose box is the true one at the cell in which the centre lies."""
    target = heat_target(boxes, torch.ones(len(boxes), dtype=torch.bool), (h, w))
    logits = torch.where(target.heat == 1, 20.0, -20.0)
    x, y = target.cell % w, target.cell // w
    size = boxes[:, 2:, None, None].expand(-1, -1, h, w).clone()
    offset = torch.stack([boxes[:, 0] * w - x, boxes[:, 1] * h - y], dim=1)[:, :, None, None].expand(-1, -1, h, w)
    return Prediction(logits, logits.sigmoid(), size, offset.clone(), boxes)


@given(cells=CELLS)
@settings(max_examples=50, deadline=None)
def test_one_peak_at_the_centre(cells):
    target = heat_target(torch.tensor([cells]), torch.tensor([True]), (8, 8))
    assert target.inside.all()
    assert (target.heat == 1).sum() == 1
    assert target.heat.flatten().argmax() == target.cell[0]
    x, y = int(cells[0] * 8), int(cells[1] * 8)
    assert int(target.cell[0]) == 8 * y + x


def test_rounding_loses_a_centre_at_the_border_and_flooring_does_not():
    boxes, present = torch.tensor([[0.99, 0.5, 0.2, 0.2]]), torch.tensor([True])
    assert not heat_target(boxes, present, (16, 16), centre="round", radius=0).inside.any()
    assert heat_target(boxes, present, (16, 16), centre="floor").inside.all()


def test_absent_targets_have_an_empty_map():
    boxes = torch.tensor([[torch.nan] * 4, [0.0] * 4, [1.5, 0.5, 0.1, 0.1]])
    target = heat_target(boxes, torch.tensor([False, False, True]), (8, 8))
    assert target.heat[:2].abs().max() == 0
    assert not target.inside.any()


def test_radius_by_hand():
    # 10 x 10 cells: the inner case is (40 + sqrt(1600 - 480)) / 2, the outer one is smallest.
    radius = gaussian_radius(torch.tensor(10.0), torch.tensor(10.0))
    assert float(radius) == pytest.approx((-28 + (784 + 336) ** 0.5) / 2, rel=1e-6)


def test_heat_map_equals_the_published_one(shared):
    import numpy as np

    with np.load(shared / "reference" / "had_official" / "hann_heatmap.npz", allow_pickle=False) as fixture:
        names = set(fixture.files)
        if not {"boxes_xywh", "heatmap64"} <= names:
            pytest.skip(f"the fixture holds {sorted(names)}")
        boxes, maps = torch.tensor(fixture["boxes_xywh"]), torch.tensor(fixture["heatmap64"])
    centred = torch.cat([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]], dim=1).double()
    ours = heat_target(centred, torch.ones(len(boxes), dtype=torch.bool), (16, 16), centre="round", radius=0).heat
    torch.testing.assert_close(ours, maps.double().view_as(ours), atol=1e-6, rtol=0)


def test_focal_loss_by_hand():
    logits = torch.tensor([[[0.0, 2.0]]])
    heat = torch.tensor([[[1.0, 0.5]]])
    p = torch.sigmoid(torch.tensor(2.0))
    expected = 0.25 * torch.log(torch.tensor(2.0)) - 0.5**4 * p**2 * torch.log(1 - p)
    torch.testing.assert_close(focal_loss(logits, heat), expected)


def test_focal_loss_does_not_grow_with_the_batch():
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 8, 8, generator=rng)
    heat = heat_target(torch.tensor([[0.4, 0.6, 0.2, 0.3]]), torch.tensor([True]), (8, 8)).heat
    once, often = focal_loss(logits, heat), focal_loss(logits.expand(7, -1, -1), heat.expand(7, -1, -1))
    torch.testing.assert_close(once, often)


def test_a_lost_target_still_pulls():
    logits = torch.full((1, 4, 4), -60.0, requires_grad=True)
    heat = heat_target(torch.tensor([[0.4, 0.6, 0.2, 0.3]]), torch.tensor([True]), (4, 4)).heat
    focal_loss(logits, heat).backward()
    assert logits.grad[heat == 1] < -0.5


@given(cells=CELLS, choice=st.sampled_from(["target", "argmax", "gaussian"]))
@settings(max_examples=40, deadline=None)
def test_perfect_boxes_cost_nothing(cells, choice):
    boxes = torch.tensor([cells, (0.5, 0.5, 0.3, 0.2)])
    prediction = perfect(boxes)
    target = heat_target(boxes, torch.tensor([True, True]), (8, 8))
    overlap, distance = box_losses(prediction, boxes, target, cell="target" if choice == "gaussian" else choice)
    assert float(overlap) == pytest.approx(0, abs=1e-5)
    assert float(distance) == pytest.approx(0, abs=1e-6)


def test_box_losses_ignore_absent_targets():
    boxes = torch.tensor([[0.4, 0.4, 0.2, 0.2], [0.0, 0.0, 0.0, 0.0]])
    prediction = perfect(boxes.clamp(min=0.1))
    prediction = prediction._replace(size=prediction.size.requires_grad_())
    target = heat_target(boxes, torch.tensor([True, False]), (8, 8))
    sum(box_losses(prediction, boxes, target)).backward()
    assert prediction.size.grad[1].abs().max() == 0
    none = heat_target(boxes, torch.tensor([False, False]), (8, 8))
    assert [float(value.detach()) for value in box_losses(prediction, boxes, none)] == [0.0, 0.0]


@pytest.mark.parametrize("choice", ["target", "argmax", "gaussian"])
def test_where_the_box_gradient_goes(choice):
    boxes = torch.tensor([[0.4, 0.4, 0.2, 0.2]])
    prediction = perfect(boxes)
    logits = torch.zeros(1, 8, 8)
    logits[0, 7, 7] = 5
    size = torch.full((1, 2, 8, 8), 0.3, requires_grad=True)
    prediction = prediction._replace(logits=logits, response=logits.sigmoid(), size=size)
    target = heat_target(boxes, torch.tensor([True]), (8, 8))
    sum(box_losses(prediction, boxes, target, cell=choice)).backward()
    touched = (size.grad.abs().sum(dim=1)[0] > 0).nonzero().tolist()
    assert [3, 3] in touched if choice != "argmax" else touched == [[7, 7]]
    assert len(touched) == (9 if choice == "gaussian" else 1)
