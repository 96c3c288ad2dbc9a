"""AdamW with two learning rates, and the schedule that scales both.

Published: head 4e-4, backbone 4e-5, weight decay 1e-4, a tenth of both after epoch 40.
"""

from __future__ import annotations

import math

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from had.options.training import TrainingOptions


def build_optimizer(network: nn.Module, objective: nn.Module, options: TrainingOptions) -> AdamW:
    """AdamW over the trainable parameters: group 0 is the backbone, group 1 the head, group 2 the objective's.

    Args:
        network: its parameters whose names begin with ``backbone`` form group 0, the others group 1.
        objective: its trainable parameters (GRUs, projectors) form group 2, where it has any.
        options: rates and weight decay.
    """
    named = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
    backbone = [weight for name, weight in named if name.startswith("backbone")]
    head = [weight for name, weight in named if not name.startswith("backbone")]
    own = [weight for weight in objective.parameters() if weight.requires_grad]
    groups = [
        {"params": backbone, "lr": options.backbone_learning_rate},
        {"params": head, "lr": options.learning_rate},
    ]
    if own:
        groups.append({"params": own, "lr": options.alignment_learning_rate or options.learning_rate})
    return AdamW(groups, weight_decay=options.weight_decay, fused=True)


def learning_rate_scale(step: int, *, options: TrainingOptions, steps_per_epoch: int) -> float:
    """What the peak rates are multiplied with at a step (0 is the first): warm-up, then cosine or one drop by ten."""
    total = options.epochs * steps_per_epoch
    warmup = math.ceil(options.warmup * total)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if options.schedule == "step":
        return 0.1 if step >= options.step_epoch * steps_per_epoch else 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


def build_schedule(optimizer: Optimizer, options: TrainingOptions, *, steps_per_epoch: int) -> LambdaLR:
    """`learning_rate_scale` applied to every group; stepped after each optimizer step."""
    return LambdaLR(optimizer, lambda step: learning_rate_scale(step, options=options, steps_per_epoch=steps_per_epoch))
