"""How hard each term of a run pulls: the norm of its weighted gradient with respect to the student, while it trains.

    python benchmarks/gradients.py --config config/study.yaml --benchmark coesot --run had

Needs the prepared recordings and the teacher of that configuration's results. Trains the run's first steps anew and
stores nothing. A term far above the task's losses decides alone, one far below them does nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from had.config import load
from had.data.pairs import collate
from had.device import prepare_machine
from had.training.build import Training, build_training
from had.training.lessons import crops_of
from had.training.loop import run_step

TASK = ("focal", "giou", "l1")


def gradient_norms(job: Training, sample, epoch: int, batch: list[int]) -> dict[str, float]:
    """Norm of each term's weighted gradient over the student's weights, on one batch."""
    lesson = job.teacher.lesson(sample, epoch, batch) if job.teacher is not None else None
    losses, distillation = job.objective.losses, job.objective.distillation
    weights = list(job.network.parameters())
    norms = {}
    for term in (*TASK, *job.objective.terms):
        job.objective.losses = losses.model_copy(update={name: 0.0 for name in TASK if name != term})
        off = {name: 0.0 for name in job.objective.terms if name != term}
        job.objective.distillation = distillation.model_copy(
            update={"weights": distillation.weights.model_copy(update=off)}
        )
        student = job.network(*crops_of(sample), need_attention=job.objective.needs_attention)
        total, _ = job.objective(student, sample, lesson)
        gradients = torch.autograd.grad(total, weights, allow_unused=True)
        norms[term] = float(torch.stack([g.square().sum() for g in gradients if g is not None]).sum().sqrt())
    job.objective.losses, job.objective.distillation = losses, distillation
    return norms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("config/study.yaml"))
    parser.add_argument("--benchmark", default="coesot")
    parser.add_argument("--run", default="had")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at", type=int, nargs="+", default=[10, 50, 100, 200, 390], help="steps after which to look")
    arguments = parser.parse_args()
    prepare_machine()
    experiment = load(arguments.config)
    results, teacher_seed = experiment.results, experiment.teacher_seed(arguments.seed)
    job = build_training(
        experiment,
        benchmark=arguments.benchmark,
        run=arguments.run,
        seed=arguments.seed,
        data=results / "data" / arguments.benchmark / "prepared",
        teacher=results / f"checkpoints/{arguments.benchmark}/teacher/seed{teacher_seed}/model.safetensors",
    )
    terms = (*TASK, *job.objective.terms)
    print(f"{job.name}: weighted gradient norms\n" + "step".rjust(6) + "".join(term.rjust(14) for term in terms))
    for epoch in range(job.options.training.epochs):
        job.clips.set_epoch(epoch)
        job.network.train()
        batches = job.batches()
        samples = DataLoader(job.clips, batch_sampler=batches, collate_fn=collate)
        for batch, sample in zip(batches, samples, strict=True):
            run_step(job, sample, epoch, batch)
            job.progress["step"] += 1
            if job.progress["step"] in arguments.at:
                norms = gradient_norms(job, sample, epoch, batch)
                print(f"{job.progress['step']:6}" + "".join(f"{norms[term]:14.3f}" for term in terms), flush=True)
            if job.progress["step"] >= max(arguments.at):
                return


if __name__ == "__main__":
    main()
