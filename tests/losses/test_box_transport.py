"""Box transport: distance of paired boxes, pairing by POT's plan, gradient to the student's boxes only."""

import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from had.losses.box_transport import box_transport
from had.losses.spatial import axis_cost

EPSILON = 0.01
EXACT = {"iterations": 5000, "tolerance": 1e-10}


def peaks(*columns, side=8):
    """(B, h, w) log-masses, nearly all in row 3 and one column each."""
    logits = torch.zeros(len(columns), side, side, dtype=torch.float64)
    logits[range(len(columns)), 3, list(columns)] = 12
    return logits.flatten(1).log_softmax(1).view_as(logits)


def one_box(*centre_and_size, batch=1, cells=64):
    return torch.tensor(centre_and_size, dtype=torch.float64).expand(batch, cells, 4)


def test_cells_that_name_the_same_box_cost_nothing_wherever_the_peaks_are():
    box = one_box(0.4, 0.5, 0.2, 0.3)
    assert float(box_transport(box, box, peaks(2), peaks(4), epsilon=EPSILON, **EXACT)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("number", range(4))
def test_it_is_the_mean_difference_of_the_four_numbers(number):
    box = one_box(0.4, 0.5, 0.2, 0.3)
    costs = []
    for moved in (0.0, 0.05, 0.1, 0.2):
        other = box.clone()
        other[..., number] += moved
        costs.append(float(box_transport(other, box, peaks(3), peaks(3), epsilon=EPSILON)))
    assert costs == pytest.approx([0, 0.0125, 0.025, 0.05], abs=1e-6)


def test_a_cell_is_held_against_the_cell_that_it_answers_to():
    teacher = one_box(0.5, 0.5, 0.2, 0.2).clone()
    teacher[0, 3 * 8 + 5] = torch.tensor([0.6, 0.5, 0.4, 0.2])  # the teacher's peak says another box than all others
    student = one_box(0.6, 0.5, 0.4, 0.2)
    paired = box_transport(student, teacher, peaks(2), peaks(5), epsilon=1e-3, iterations=2000)
    elsewhere = box_transport(student, teacher, peaks(2), peaks(2), epsilon=1e-3, iterations=2000)
    assert float(paired) < 0.01 < float(elsewhere)


def test_pairs_are_those_of_pots_plans():
    rng = torch.Generator().manual_seed(0)
    maps = [torch.randn(2, 4, 5, generator=rng, dtype=torch.float64).mul(3).flatten(1).softmax(1) for _ in range(2)]
    boxes = [torch.rand(2, 20, 4, generator=rng, dtype=torch.float64) for _ in range(2)]
    found = box_transport(*boxes, *(m.log().view(2, 4, 5) for m in maps), epsilon=0.02, iterations=5000, tolerance=1e-9)
    ground = (axis_cost(4)[:, None, :, None] + axis_cost(5)[None, :, None, :]).reshape(20, 20)
    exact = {"method": "sinkhorn_log", "numItermax": 20000, "stopThr": 1e-10}
    for i in range(2):
        own, across = (ot.sinkhorn(maps[0][i], masses[i], ground, 0.02, **exact) for masses in maps)
        expected = (own @ boxes[0][i] - across @ boxes[1][i]).abs().sum() / 4
        assert float(found[i]) == pytest.approx(float(expected), abs=1e-7)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_a_student_that_is_its_teacher_pays_nothing_and_any_other_something(seed):
    rng = torch.Generator().manual_seed(seed)
    boxes, others = torch.rand(2, 3, 64, 4, generator=rng, dtype=torch.float64)
    masses = torch.randn(3, 8, 8, generator=rng, dtype=torch.float64).mul(4).flatten(1).log_softmax(1).view(3, 8, 8)
    same, other = (box_transport(own, boxes, masses, masses, epsilon=EPSILON) for own in (boxes, others))
    assert same.tolist() == pytest.approx([0, 0, 0], abs=1e-12)
    assert (other > 1e-3).all()


def test_only_the_students_boxes_get_a_gradient():
    boxes = [torch.rand(1, 64, 4, requires_grad=True) for _ in range(2)]
    maps = [torch.randn(1, 8, 8, requires_grad=True) for _ in range(2)]
    masses = [m.flatten(1).log_softmax(1).view_as(m) for m in maps]
    box_transport(*boxes, *masses, epsilon=EPSILON).sum().backward()
    assert boxes[0].grad.abs().sum() > 0.1
    assert boxes[1].grad is None
    assert all(logits.grad is None for logits in maps)


def test_no_frames_cost_nothing():
    nothing = torch.zeros(0, 64, 4, requires_grad=True)
    value = box_transport(nothing, nothing, torch.zeros(0, 8, 8), torch.zeros(0, 8, 8), epsilon=EPSILON)
    assert value.shape == (0,)
