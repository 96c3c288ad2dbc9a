"""Temporal alignment: it can be learned, it does not collapse, it leaves the teacher alone."""

import pytest
import torch

from had.losses.temporal import TemporalAlignment, pooled

STILL = torch.tensor([[0.0, 0.0, 1.0]])


def boxes(maps: int, side: int, size: float = 0.25) -> tuple[torch.Tensor, torch.Tensor]:
    """Size and offset maps of boxes in the middle of their cells."""
    return torch.full((maps, 2, side, side), size), torch.full((maps, 2, side, side), 0.5)


def test_pooling_follows_the_response():
    tokens = torch.randn(2, 16, 5, generator=torch.Generator().manual_seed(0))
    logits = torch.full((2, 4, 4), -50.0)
    logits[..., 1, 3] = 50
    out = pooled(tokens, logits, *boxes(2, 4), STILL.expand(2, 3))
    torch.testing.assert_close(out[:, :5], 0.1 * torch.nn.functional.layer_norm(tokens[:, 7], (5,)))  # beside cells
    torch.testing.assert_close(out[:, 5:], torch.tensor([1.5, -0.5, 1.0, 1.0]).expand(2, 4))
    elsewhere = pooled(tokens, logits, *boxes(2, 4), torch.tensor([[0.25, 0.0, 2.0]]).expand(2, 3))
    torch.testing.assert_close(elsewhere[:, 5:], torch.tensor([0.25 * 4 + 2 * 1.5, -1.0, 2.0, 2.0]).expand(2, 4))


def test_the_many_cells_without_a_target_weigh_nothing():
    logits = torch.full((1, 8, 8), -5.0)  # as far below the target's as a trained head leaves them
    logits[0, 1, 6] = 1.5
    size, offset = boxes(1, 8)
    size[0, :, 4:] = 0.9
    out = pooled(torch.zeros(1, 64, 5), logits, size, offset, STILL)
    torch.testing.assert_close(out[0, 5:], torch.tensor([2.5, -2.5, 2.0, 2.0]), atol=0.02, rtol=0)


def test_alignment_moves_the_response_the_boxes_and_the_tokens():
    torch.manual_seed(0)
    unit = TemporalAlignment(student_dim=5, teacher_dim=5, dim=8)
    tokens = torch.randn(6, 16, 5, requires_grad=True)
    logits = torch.randn(6, 4, 4, requires_grad=True)
    size, offset = (values.requires_grad_() for values in boxes(6, 4))
    windows, present = STILL.expand(6, 3), torch.ones(2, 3, dtype=torch.bool)
    own = pooled(tokens, logits, size, offset, windows).unflatten(0, (2, 3))
    wanted = pooled(torch.randn(6, 16, 5), torch.randn(6, 4, 4), *boxes(6, 4), windows).unflatten(0, (2, 3))
    unit(own, wanted, torch.randn(2, 3, 2), present, cells=4).alignment.backward()
    for moved in (tokens, logits, size, offset):
        assert moved.grad.abs().sum() > 0


@pytest.mark.parametrize("loud", [0.5, 50])
def test_a_student_that_knows_nothing_costs_one_whatever_the_scale_of_the_states(loud):
    torch.manual_seed(0)
    unit = TemporalAlignment(student_dim=5, teacher_dim=5, dim=8)
    torch.nn.init.zeros_(unit.predictor.weight)
    torch.nn.init.zeros_(unit.predictor.bias)
    teacher, present = loud * torch.randn(16, 3, 9), torch.ones(16, 3, dtype=torch.bool)
    found = unit(torch.randn(16, 3, 9), teacher, torch.randn(16, 3, 2), present, cells=4)
    assert 0.9 < float(found.alignment.detach()) <= 1
    assert (float(found.teacher_variance) > 0.2) == (loud > 1)


def test_the_motion_is_found_beside_many_channels_in_few_steps():
    """What the published layout of the state must do: hundreds of content channels beside one small displacement."""
    torch.manual_seed(0)
    unit = TemporalAlignment(student_dim=128, teacher_dim=128, dim=32)
    optimizer = torch.optim.AdamW(unit.parameters(), lr=1e-2)
    present = torch.ones(8, 3, dtype=torch.bool)
    cells = torch.arange(8) - 3.5
    explained = []
    for _ in range(300):
        motion = torch.randn(8, 1, 2) * 0.05 * torch.arange(3)[:, None]  # in search-crop widths
        x, y = (8 * motion).unbind(-1)
        logits = -((cells - x[..., None, None]) ** 2 + (cells[:, None] - y[..., None, None]) ** 2)  # B T h w
        wanted = pooled(torch.randn(24, 64, 128), logits.flatten(0, 1), *boxes(24, 8), STILL.expand(24, 3))
        wanted = wanted.unflatten(0, (8, 3))
        losses = unit(wanted, wanted, motion, present, cells=8)
        optimizer.zero_grad()
        losses.motion.backward()
        torch.nn.utils.clip_grad_norm_(unit.parameters(), 1.0)
        optimizer.step()
        explained.append(1 - losses.motion.item())
    assert sum(explained[-50:]) / 50 > 0.8
    assert losses.teacher_variance > 0.01


def test_states_align_and_keep_their_variance():
    torch.manual_seed(0)
    unit = TemporalAlignment(student_dim=6, teacher_dim=4, dim=16)
    optimizer = torch.optim.Adam(unit.parameters(), lr=1e-2)
    present = torch.ones(32, 3, dtype=torch.bool)
    view = torch.randn(2, 10)
    first = None
    for _ in range(120):
        speed = torch.randn(32, 1, 2) * 0.1
        motion = speed * torch.arange(3)[:, None]
        teacher = torch.cat([torch.randn(32, 3, 4) * 0.1, 4 * motion, torch.ones(32, 3, 2)], dim=2)
        student = 4 * motion @ view
        losses = unit(student, teacher, motion, present, cells=8)
        optimizer.zero_grad()
        (losses.alignment + losses.motion).backward()
        optimizer.step()
        first = first or losses
    assert losses.motion < 0.4 * first.motion
    assert losses.alignment < 0.7
    assert losses.teacher_variance > 0.02
    assert losses.student_variance > 0.005


def test_gradients_stay_on_their_side():
    torch.manual_seed(0)
    unit = TemporalAlignment(student_dim=4, teacher_dim=4, dim=8)
    student, teacher = torch.randn(2, 3, 8, requires_grad=True), torch.randn(2, 3, 8, requires_grad=True)
    present = torch.tensor([[True, True, False], [True, True, True]])
    losses = unit(student, teacher, torch.randn(2, 3, 2), present, cells=8)
    losses.alignment.backward()
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None
    assert all(parameter.grad is None for parameter in unit.teacher_gru.parameters())
    assert all(parameter.grad is None for parameter in unit.motion.parameters())
    unit.zero_grad()
    losses = unit(student, teacher, torch.randn(2, 3, 2), present, cells=8)
    losses.motion.backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in unit.teacher_gru.parameters())
    assert all(parameter.grad is None for parameter in unit.student_gru.parameters())


def test_a_batch_without_targets_costs_nothing():
    unit = TemporalAlignment(student_dim=4, teacher_dim=4, dim=8)
    absent = torch.zeros(2, 3, dtype=torch.bool)
    losses = unit(torch.randn(2, 3, 8), torch.randn(2, 3, 8), torch.zeros(2, 3, 2), absent, cells=8)
    assert [float(value) for value in losses] == [0, 0, 0, 0]
