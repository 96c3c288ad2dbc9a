"""Parameter groups and schedules."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from had.options.training import TrainingOptions
from had.training.optim import build_optimizer, build_schedule, learning_rate_scale


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone_s = nn.Linear(3, 3)
        self.box_head = nn.Linear(3, 1)


def test_groups_hold_every_parameter_once():
    network, objective = Toy(), nn.GRU(2, 2)
    options = TrainingOptions(learning_rate=4e-4, backbone_learning_rate=4e-5, weight_decay=0.02)
    backbone, head, alignment = build_optimizer(network, objective, options).param_groups
    assert (backbone["lr"], head["lr"], alignment["lr"], head["weight_decay"]) == (4e-5, 4e-4, 4e-4, 0.02)
    for group, module in ((backbone, network.backbone_s), (head, network.box_head), (alignment, objective)):
        assert {id(weight) for weight in group["params"]} == {id(weight) for weight in module.parameters()}


def test_alignment_has_a_rate_of_its_own_and_what_is_frozen_has_none():
    options = TrainingOptions(alignment_learning_rate=1e-2)
    assert build_optimizer(Toy(), nn.GRU(2, 2), options).param_groups[2]["lr"] == 1e-2
    assert len(build_optimizer(Toy(), nn.GRU(2, 2).requires_grad_(False), options).param_groups) == 2


def test_cosine_rises_then_falls_to_zero():
    options = TrainingOptions(epochs=10, warmup=0.1)
    scale = [learning_rate_scale(step, options=options, steps_per_epoch=10) for step in range(101)]
    assert scale[:10] == pytest.approx([(k + 1) / 11 for k in range(10)])
    assert scale[10] == 1
    assert scale[55] == pytest.approx(0.5)
    assert scale[100] == pytest.approx(0)
    assert all(a >= b for a, b in pairwise(scale[10:]))


def test_published_step():
    options = TrainingOptions(epochs=50, schedule="step", step_epoch=40, warmup=0)
    scale = [learning_rate_scale(step, options=options, steps_per_epoch=3) for step in range(150)]
    assert scale[:120] == [1.0] * 120
    assert scale[120:] == [0.1] * 30


def test_schedule_scales_both_groups():
    options = TrainingOptions(epochs=2, warmup=0, learning_rate=1e-2, backbone_learning_rate=1e-3)
    optimizer = build_optimizer(Toy(), nn.Identity(), options)
    schedule = build_schedule(optimizer, options, steps_per_epoch=2)
    for _ in range(2):
        optimizer.step()
        schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([5e-4, 5e-3])
    assert math.isfinite(torch.tensor(schedule.get_last_lr()).sum().item())
