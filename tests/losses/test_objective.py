"""The objective: what is on, what it needs, what it sends where; and that a network learns from it."""

import pytest
import torch

from had.config import load
from had.errors import ConfigError
from had.losses.hierarchical import lesson, matched_streams
from had.losses.objective import Objective
from had.losses.released_terms import ReleasedTerms
from had.models.network import build_network
from had.options.base import merged
from had.options.training import READ_BY, TERMS
from had.structures import Sample

BATCH, FRAMES = 2, 2
OTHER = {
    **{"feature_scale": "token", "temperature": 3.5, "similarity_distance": "l2", "spatial_temperature": 0.5},
    **{"epsilon": 0.02, "token_epsilon": 0.1, "token_balance": 2.0, "sinkhorn_iterations": 1},
    **{"sinkhorn_tolerance": 10.0, "gru_dim": 24},
}
"""Of options of distillation values that are not their defaults."""


@pytest.fixture(scope="module")
def options():
    return load("config/smoke.yaml").resolve("had")


def with_terms(options, *terms):
    return options.model_copy(update={"terms": terms})


def make_sample(present=True, seed=0) -> Sample:
    rng = torch.Generator().manual_seed(seed)

    def images(*shape):
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng)

    streams = ("rgb", "event_image")
    return Sample(
        {s: images(BATCH, 3, 32, 32) for s in streams},
        {s: images(BATCH, FRAMES, 3, 64, 64) for s in streams},
        0.3 + 0.4 * torch.rand(BATCH, FRAMES, 4, generator=rng),
        torch.full((BATCH, FRAMES), present),
        torch.randn(BATCH, FRAMES, 2, generator=rng) * 0.1,
        torch.tensor([0.0, 0.0, 1.0]).expand(BATCH, FRAMES, 3),
        torch.ones(BATCH, dtype=torch.bool),
    )


def run(network, sample):
    template = {s: t.repeat_interleave(FRAMES, dim=0) for s, t in sample.template.items()}
    return network(template, {s: x.flatten(0, 1) for s, x in sample.search.items()}, need_attention=True)


def taught(network, sample, match="same"):
    """The lesson of a teacher whose gradient nothing may reach."""
    return lesson(*run(network, sample), matched_streams(network.streams, ("event_image",), match))


@pytest.fixture(scope="module")
def networks(options):
    teacher = build_network(load("config/smoke.yaml").resolve("teacher"), ("rgb", "event_image"), seed=1).eval()
    return build_network(options, ("event_image",), seed=2), teacher


@pytest.mark.parametrize("match", ["same", "event", "image", "mean"])
def test_every_term_is_finite_and_reaches_the_student(options, networks, match):
    student, teacher = networks
    changed = with_terms(options, *TERMS).model_copy(
        update={"distillation": merged(options.distillation, {"match_stream": match})}
    )
    sample = make_sample()
    objective = Objective(changed, student_dim=32, teacher_dim=32, seed=0)
    teacher.zero_grad()
    total, parts = objective(run(student, sample), sample, taught(teacher, sample, match))
    student.zero_grad()
    total.backward()
    assert set(parts) == {
        "total", "focal", "giou", "l1", *TERMS, "temporal_motion", "temporal_variance", "temporal_student_variance"
    }  # fmt: skip
    assert all(value.isfinite() and value.dim() == 0 and not value.requires_grad for value in parts.values())
    for name, parameter in [*student.named_parameters(), *objective.named_parameters()]:
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_total_is_the_weighted_sum(options, networks):
    student, teacher = networks
    sample = make_sample()
    outputs = run(student, sample), sample, taught(teacher, sample)
    weights = {term: 0.5 + i for i, term in enumerate(TERMS)}
    changed = with_terms(options, *TERMS).model_copy(
        update={"distillation": merged(options.distillation, {"weights": weights})}
    )
    total, parts = Objective(changed, student_dim=32, teacher_dim=32, seed=0)(*outputs)
    expected = parts["focal"] + parts["giou"] + 14 * parts["l1"] + parts["temporal_motion"]
    expected = expected + sum(weight * parts[term] for term, weight in weights.items())
    torch.testing.assert_close(total.detach(), expected)


def test_the_cosine_fades_the_terms_and_nothing_else(options, networks):
    student, teacher = networks
    sample = make_sample()
    outputs = run(student, sample), sample, taught(teacher, sample)
    changed = with_terms(options, "response", "temporal").model_copy(
        update={"distillation": merged(options.distillation, {"schedule": "cosine"})}
    )
    objective = Objective(changed, student_dim=32, teacher_dim=32, seed=0)
    begin, half, end = (objective(*outputs, progress=share)[0].item() for share in (0.0, 0.5, 1.0))
    _, parts = objective(*outputs)
    task = parts["focal"] + parts["giou"] + 14 * parts["l1"] + parts["temporal_motion"]
    assert end == pytest.approx(task.item(), rel=1e-5)
    assert begin == pytest.approx((task + parts["response"] + parts["temporal"]).item(), rel=1e-5)
    assert half == pytest.approx((begin + end) / 2, rel=1e-5)


def test_plain_student_needs_no_teacher(options, networks):
    sample = make_sample()
    objective = Objective(with_terms(options), student_dim=32)
    assert not objective.needs_teacher
    assert not objective.needs_attention
    assert not list(objective.parameters())
    _, parts = objective(run(networks[0], sample), sample, None)
    assert set(parts) == {"total", "focal", "giou", "l1"}


def test_absent_targets_leave_the_target_terms_silent(options, networks):
    student, teacher = networks
    sample = make_sample(present=False)
    objective = Objective(with_terms(options, *TERMS), student_dim=32, teacher_dim=32, seed=0)
    total, parts = objective(run(student, sample), sample, taught(teacher, sample))
    total.backward()
    assert all(
        parts[name] == 0 for name in ("giou", "l1", "response", "localization", "temporal", "spatial", "box_transport")
    )
    assert parts["focal"] > 0
    assert parts["feature"] > 0


def test_a_student_that_is_its_teacher_costs_nothing(options, networks):
    student = networks[0].eval()
    sample = make_sample()
    terms = ("feature", "similarity", "response", "localization", "spatial", "box_transport", "token_transport")
    outputs = run(student, sample)
    _, parts = Objective(with_terms(options, *terms), student_dim=32, teacher_dim=32)(
        outputs, sample, taught(student, sample)
    )
    student.train()
    for term in terms:
        assert float(parts[term]) == pytest.approx(0, abs=1e-5)


def test_unequal_widths_are_bridged_by_a_projector(options):
    wide = merged(options.network, {"dim": 48, "heads": 3})
    teacher_options = load("config/smoke.yaml").resolve("teacher").model_copy(update={"network": wide})
    teacher = build_network(teacher_options, ("rgb", "event_image"), seed=1).eval()
    student = build_network(options, ("event_image",), seed=2)
    sample = make_sample()
    objective = Objective(with_terms(options, *TERMS), student_dim=32, teacher_dim=48, seed=0)
    total, _ = objective(run(student, sample), sample, taught(teacher, sample))
    total.backward()
    assert objective.projector.weight.grad.abs().sum() > 0


def test_impossible_objectives_are_refused(options):
    with pytest.raises(ConfigError, match="teacher"):
        Objective(options, student_dim=32)
    short = options.model_copy(update={"crops": merged(options.crops, {"clip_frames": 1})})
    with pytest.raises(ConfigError, match="clip_frames"):
        Objective(short, student_dim=32, teacher_dim=32)


def test_a_declared_term_that_is_not_computed_stops_the_run(options, networks, monkeypatch):
    """Declared without code, forgotten in some steps, or computed though it is off."""
    student, teacher = networks
    sample = make_sample()
    outputs = run(student, sample), sample, taught(teacher, sample)
    declared = Objective(with_terms(options, "response", "entropy"), student_dim=32, teacher_dim=32)
    with pytest.raises(ConfigError, match=r"each term of run 'had'.*response, entropy in `terms` and response comp"):
        declared(*outputs)
    objective = Objective(with_terms(options, "response", "spatial"), student_dim=32, teacher_dim=32)
    distil = objective._distil
    for changed in ({"response"}, {"response", "spatial", "feature"}, set()):

        def mutated(*arguments, names=changed):
            terms, diagnostics = distil(*arguments)
            return {name: terms.get(name, terms["response"]) for name in names}, diagnostics

        monkeypatch.setattr(objective, "_distil", mutated)
        with pytest.raises(ConfigError, match="a value of each term"):
            objective(*outputs)


def test_a_term_without_gradient_stops_the_run(options, networks, monkeypatch):
    student, teacher = networks
    sample = make_sample()
    objective = Objective(with_terms(options, "response"), student_dim=32, teacher_dim=32)
    monkeypatch.setattr(objective, "_distil", lambda *_: ({"response": torch.tensor(1.0)}, {}))
    outputs = run(student, sample), sample, taught(teacher, sample)
    with pytest.raises(ConfigError, match="'response' that depends on the student, got a constant"):
        objective(*outputs)
    with torch.no_grad():  # nobody learns
        objective(run(student, sample), *outputs[1:])


def test_a_released_term_without_code_stops_the_run(networks):
    sample = make_sample()
    prediction, features = run(networks[0], sample)
    with pytest.raises(ConfigError, match="code of the term 'released_entropy'"):
        ReleasedTerms(("released_entropy",), dim=32)(prediction, features, None)


def test_a_small_network_learns_four_crops_by_heart(options):
    wider = options.model_copy(update={"network": merged(options.network, {"head_channels": 64})})
    network = build_network(wider, ("event_image",), seed=0)
    sample = make_sample(seed=5)
    objective = Objective(with_terms(options), student_dim=32)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    first = None
    for _ in range(120):
        total, parts = objective(run(network, sample), sample)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        first = first or parts
    assert parts["focal"] < 0.02 * first["focal"]
    assert parts["l1"] < 0.3 * first["l1"]
    boxes = run(network, sample)[0].boxes.detach()
    assert (boxes - sample.boxes.flatten(0, 1)).abs().mean() < 0.05


@pytest.mark.filterwarnings("ignore:Sinkhorn stopped")
def test_every_option_reaches_its_term(options, networks):
    """Each term is what its function says of the student's and the teacher's own tensors, under options of its own."""
    from had.boxes import cell_boxes
    from had.losses import box_transport, hierarchical, spatial, temporal, token_transport

    student, teacher = networks[0].eval(), networks[1]
    sample = make_sample()
    windows = sample.windows.clone()
    windows[:, 1] = torch.tensor([0.2, -0.1, 1.3])
    sample = sample._replace(windows=windows)
    wanted = {
        "feature_scale": "token",
        "temperature": 3.0,
        "similarity_distance": "l2",
        "spatial_temperature": 0.5,
        "epsilon": 0.03,
        "token_epsilon": 0.1,
        "token_balance": 2.0,
        "sinkhorn_iterations": 5,
        "sinkhorn_tolerance": 1e-3,
    }
    changed = with_terms(options, *TERMS).model_copy(update={"distillation": merged(options.distillation, wanted)})
    objective = Objective(changed, student_dim=32, teacher_dim=32, seed=0)
    (prediction, features), told = run(student, sample), taught(teacher, sample)
    _, parts = objective((prediction, features), sample, told)
    student.train()
    own = hierarchical.matched_tokens(features, "event_image")
    x, their_x, windows = own[:, -16:], told.tokens[:, -16:], sample.windows.flatten(0, 1)
    masses = [(2 * logits).flatten(1).log_softmax(1).view(-1, 4, 4) for logits in (prediction.logits, told.logits)]
    clips = [
        temporal.pooled(tokens, said.logits, said.size, said.offset, windows).unflatten(0, (BATCH, FRAMES))
        for tokens, said in ((x, prediction), (their_x, told))
    ]
    solver = {"iterations": 5, "tolerance": 1e-3}
    transport = token_transport.token_transport(
        x, their_x, prediction.logits, told.logits, epsilon=0.1, balance=2.0, **solver
    )
    boxes = [cell_boxes(said.size, said.offset).flatten(1, 2) for said in (prediction, told)]
    paired = box_transport.box_transport(*boxes, *masses, epsilon=0.03, **solver)
    found = objective.temporal(*clips, sample.motion, sample.present, cells=4)
    expected = {
        "feature": hierarchical.feature_loss(own, told.tokens, scale="token"),
        "similarity": hierarchical.similarity_loss(features.attention, told.attention, distance="l2"),
        "response": hierarchical.response_loss(prediction.logits, told.logits, temperature=3.0),
        "spatial": spatial.sinkhorn_divergence(*masses, epsilon=0.03, **solver).mean(),
        "token_transport": transport.mean(),
        "box_transport": paired.mean(),
        "temporal": found.alignment,
        "temporal_motion": found.motion,
    }
    for term, value in expected.items():
        torch.testing.assert_close(parts[term], value.detach(), rtol=1e-4, atol=1e-6, msg=term)


@pytest.mark.parametrize("term", TERMS)
def test_each_term_alone_moves_the_student(options, networks, term):
    student, teacher = networks
    silent = merged(options.losses, {"focal": 0, "giou": 0, "l1": 0})
    alone = with_terms(options, term).model_copy(update={"losses": silent})
    sample = make_sample()
    total, _ = Objective(alone, student_dim=32, teacher_dim=32, seed=0)(
        run(student, sample), sample, taught(teacher, sample)
    )
    student.zero_grad()
    total.backward()
    assert sum(p.grad.abs().sum() for p in student.parameters() if p.grad is not None) > 1e-6


def test_labels_alone_are_the_tasks_and_all_crops_are_taught(options, networks):
    """Pseudo-labels of half the clips: no task loss reads them, and every distillation term hears their crops."""
    student, teacher = build_network(options, ("event_image",), seed=2).eval(), networks[1]
    options = with_terms(options, "feature", "similarity", "response", "spatial")
    objective = Objective(options, student_dim=student.dim, teacher_dim=teacher.dim, seed=0)
    sample = make_sample()
    labelled = torch.arange(BATCH) < BATCH // 2
    half = sample._replace(labelled=labelled)
    moved = half._replace(boxes=torch.where(labelled[:, None, None], half.boxes, half.boxes.roll(1, dims=1) * 0.5))
    said = taught(teacher, sample)
    whole, some, others = (objective(run(student, one), one, said)[1] for one in (sample, half, moved))
    first = Sample(*({k: v[labelled] for k, v in x.items()} if isinstance(x, dict) else x[labelled] for x in sample))
    alone = objective(run(student, first), first, taught(teacher, first))[1]
    for name in ("focal", "giou", "l1"):
        assert some[name] == others[name]
        torch.testing.assert_close(some[name], alone[name])
        assert some[name] != whole[name]
    for name in options.terms:
        assert some[name] == others[name] == whole[name]


@pytest.mark.parametrize("option", sorted(READ_BY.keys() - {"match_stream"}))
def test_a_term_whose_option_is_changed_has_another_value_if_it_reads_it_and_the_same_if_not(options, networks, option):
    """The list that identities rest on is true; `match_stream` decides what is asked of the teacher."""
    student, teacher = networks
    sample = make_sample()
    found, asked = run(student, sample), taught(teacher, sample)
    weights = options.distillation.weights.model_copy(update=dict.fromkeys(TERMS, 1.0))
    changed = set()
    for term in TERMS:
        values = []
        for changes in ({}, {option: OTHER[option]}):
            distillation = options.distillation.model_copy(update={"weights": weights, **changes})
            made = with_terms(options, term).model_copy(update={"distillation": distillation})
            dims = {"student_dim": options.network.dim, "teacher_dim": teacher.architecture["dim"]}
            values.append(Objective(made, **dims, seed=0)(found, sample, asked)[1][term])
        changed |= set() if torch.equal(*values) else {term}
    assert changed == READ_BY[option]
