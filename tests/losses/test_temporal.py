"""Temporal alignment: it can be learned, it does not collapse, it leaves the teacher alone."""

import torch

from had.losses.temporal import CONTENT_SCALE, TemporalAlignment, pooled

STILL = torch.tensor([0.0, 0.0, 1.0])


def test_pooling_follows_the_response():
    tokens = torch.randn(2, 3, 16, 5, generator=torch.Generator().manual_seed(0))
    logits = torch.full((2, 3, 4, 4), -50.0)
    logits[..., 1, 3] = 50
    out = pooled(tokens, logits, STILL)
    torch.testing.assert_close(out[..., :5], CONTENT_SCALE * torch.nn.functional.layer_norm(tokens[:, :, 7], (5,)))
    torch.testing.assert_close(out[..., 5:], torch.tensor([1.5, -0.5]).expand(2, 3, 2))
    elsewhere = pooled(tokens, logits, torch.tensor([0.25, 0.0, 2.0]))
    torch.testing.assert_close(elsewhere[..., 5:], torch.tensor([0.25 * 4 + 2 * 1.5, -1.0]).expand(2, 3, 2))


def test_alignment_moves_the_response_and_the_tokens():
    torch.manual_seed(0)
    unit = TemporalAlignment(student_dim=5, teacher_dim=5, dim=8)
    tokens = torch.randn(2, 3, 16, 5, requires_grad=True)
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    present = torch.ones(2, 3, dtype=torch.bool)
    teacher = pooled(torch.randn(2, 3, 16, 5), torch.randn(2, 3, 4, 4), STILL)
    unit(pooled(tokens, logits, STILL), teacher, torch.randn(2, 3, 2), present, cells=4).alignment.backward()
    assert tokens.grad.abs().sum() > 0
    assert logits.grad.abs().sum() > 0


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
        wanted = pooled(torch.randn(8, 3, 64, 128), logits, STILL)
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
    view = torch.randn(2, 8)
    first = None
    for _ in range(120):
        speed = torch.randn(32, 1, 2) * 0.1
        motion = speed * torch.arange(3)[:, None]
        teacher = torch.cat([torch.randn(32, 3, 4) * 0.1, 4 * motion], dim=2)
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
    student, teacher = torch.randn(2, 3, 6, requires_grad=True), torch.randn(2, 3, 6, requires_grad=True)
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
    losses = unit(torch.randn(2, 3, 6), torch.randn(2, 3, 6), torch.zeros(2, 3, 2), absent, cells=8)
    assert [float(value) for value in losses] == [0, 0, 0, 0]
