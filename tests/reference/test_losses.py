"""The released losses: all actors on made-up tensors and on the published networks, and four steps of training."""

import numpy as np
import pytest
import torch
from rule import parameter, unit
from test_networks import crops, published

from had.boxes import cxcywh_to_xyxy, giou, iou, xywh_to_cxcywh
from had.config import load
from had.losses.hierarchical import lesson
from had.losses.localization import released_focal_loss
from had.losses.objective import Objective
from had.losses.released import point_transport
from had.structures import Features, Lesson, Prediction, Sample, TokenLayout, Whole
from had.training.optim import build_optimizer

RUNS = {
    "hdetrack": "official_hdetrack",
    "hdetrack_ta": "official_ta",
    "hdetrack_ot": "official_ot",
    "hadtrack": "official_code",
    "wkd": "wkd",
    "otkd": "otkd",
}
"""The run that stands for each official actor."""
TERMS = {
    "MSE": "released_feature",
    "L2": "released_similarity",
    "response": "released_response",
    "fused": "released_temporal",
    "OT_response": "released_spatial",
    "wkd_f": "wkd_features",
    "fkd": "otkd_features",
    "inter": "otkd_boxes",
    "intra": "otkd_scores",
    "wkd_l": "wkd_logits",
    "fkd_c": "otkd_channels",
    "fkd_s": "otkd_places",
    "giou": "giou",
    "l1": "l1",
    "location": "focal",
}
WEIGHTED = ("L2", "fused", "OT_response")
"""Terms that the official code reports with their weight."""
MODULES = {
    "released_temporal": "",
    "wkd_features": "wkd_f.",
    "otkd_features": "",
}
"""The official prefix of each untrained module's parameters."""


@pytest.fixture(scope="session")
def experiment():
    return load({"runs": ["teacher", *RUNS.values()], "benchmarks": {"coesot": {"simulation": {}}}})


def objective_of(experiment, reference, actor, dim):
    """The run's objective with the set's weights in its untrained modules."""
    objective = Objective(experiment.resolve(RUNS[actor]), student_dim=dim, teacher_dim=dim).double()
    for term, module in objective.released.untrained.items():
        state = module.state_dict()
        names = {name: parameter(MODULES[term] + name, tuple(t.shape), reference.seed) for name, t in state.items()}
        module.load_state_dict({name: torch.from_numpy(value) for name, value in names.items()})
    return objective.eval()


def truth(boxes, dtype=torch.float64):
    """(B, 4) ``xywh`` of the crop -> a batched sample without crops."""
    boxes = xywh_to_cxcywh(torch.as_tensor(np.asarray(boxes), dtype=dtype))[:, None]
    still = torch.zeros(len(boxes), 1, 2), torch.tensor([0.0, 0.0, 1.0]).expand(len(boxes), 1, 3)
    seen = torch.ones(len(boxes), 1, dtype=torch.bool)
    return Sample({}, {}, boxes, seen, *still, labelled=seen[:, 0])


def add_terms(comparison, experiment, actor, parts, prefix, predicted):
    """All reported values of one actor."""
    options = experiment.resolve(RUNS[actor])
    weights = options.distillation.weights
    for name in comparison.wanted:
        head, _, term = name.rpartition("/")
        if head != f"{prefix}Loss" or term not in TERMS:
            continue
        ours = TERMS[term]
        scale = getattr(weights, ours) if term in WEIGHTED else 1
        comparison.add(name, scale * parts[ours], rounded=term == "L2")
    true = xywh_to_cxcywh(torch.from_numpy(np.array(comparison.truth)))
    overlap = iou(cxcywh_to_xyxy(predicted.detach()), cxcywh_to_xyxy(true).clamp(0, 1)).mean()
    comparison.add(f"{prefix}IoU", overlap)
    if f"{prefix}Loss/distill" in comparison.wanted:
        task = sum(getattr(options.losses, term) * parts[term] for term in ("giou", "l1", "focal"))
        comparison.add(f"{prefix}Loss/base", task)
        comparison.add(f"{prefix}Loss/distill", parts["total"] - task)


def assert_complete(comparison):
    assert not set(comparison.wanted) - set(comparison.ratios)


def single_precision(actor):
    """Whether the actor's total contains the term that is computed in float32."""
    return actor.startswith(("hdetrack", "hadtrack"))


def made_up(reference):
    """The unit set's tensors: student prediction and features, the teacher's whole output, the parts with gradients."""
    seed = reference.seed

    def rounded(values):
        return torch.from_numpy(np.asarray(values, dtype=np.float32).astype(np.float64))

    def score(name):
        values = np.clip((unit(name, (2, 1, 16, 16), seed) + 1) / 2, 1e-4, 1 - 1e-4) ** 3
        return rounded(values).clamp(1e-4, 1 - 1e-4)[:, 0]

    def boxes(name):
        b = np.abs(unit(name, (2, 1, 4), seed))
        return rounded(np.concatenate([0.2 + 0.6 * b[..., :2], 0.1 + 0.4 * b[..., 2:]], axis=-1))[:, 0]

    attention = rounded(4 * unit("u/attn_s", (2, 3, 320, 320), seed)).softmax(dim=-1).requires_grad_()
    tokens = rounded(1.5 * unit("u/feat_s", (2, 320, 192), seed)).requires_grad_()
    response, predicted = score("u/score_s").requires_grad_(), boxes("u/boxes").requires_grad_()
    whole = Whole(
        score("u/score_t"),
        boxes("u/boxes_t"),
        rounded(1.5 * unit("u/feat_t", (2, 640, 192), seed)),
        rounded(4 * unit("u/attn_t", (2, 3, 640, 640), seed)).softmax(dim=-1),
    )
    parts = {"s_score_map": response, "student_feature": tokens, "s_attn": attention, "s_pred_boxes": predicted}
    return parts, whole


def maps_around(response, predicted):
    """Size and offset maps whose box at every cell is the predicted one, so that its gradient arrives there."""
    B, h, w = response.shape
    size = predicted[:, 2:, None, None].expand(B, 2, h, w)
    x = predicted[:, 0, None, None] * w - torch.arange(w)
    y = predicted[:, 1, None, None] * h - torch.arange(h)[:, None]
    return size, torch.stack([x.expand(B, h, w), y.expand(B, h, w)], dim=1)


def a_lesson(whole):
    """A lesson that holds only what the released terms read."""
    nothing = torch.zeros(())
    return Lesson(nothing, nothing, nothing, nothing, None, whole)


def layout(streams, z, x):
    spans, start = {}, 0
    for role, count in (("z", z), ("x", x)):
        for stream in streams:
            spans[role, stream] = slice(start, start + count)
            start += count
    return TokenLayout(spans, (8, 8), (16, 16))


def test_actors_on_made_up_tensors(reference, compare, experiment):
    comparison = compare("losses_unit")
    comparison.truth = reference.manifest["rule"]["gt_search_xywh"]
    for actor in RUNS:
        parts, whole = made_up(reference)
        response, predicted = parts["s_score_map"], parts["s_pred_boxes"]
        size, offset = maps_around(response, predicted)
        prediction = Prediction(torch.logit(response), response, size, offset, predicted)
        features = Features(parts["student_feature"], parts["s_attn"], layout(("event_image",), 64, 256))
        objective = objective_of(experiment, reference, actor, 192)
        sample = truth(reference.manifest["rule"]["gt_search_xywh"])
        total, values = objective((prediction, features), sample, a_lesson(whole))
        total.backward()
        add_terms(comparison, experiment, actor, values, f"{actor}/", predicted)
        float32 = single_precision(actor)
        comparison.add(f"{actor}/Loss/total", total, rounded=float32)
        for name, tensor in parts.items():
            gradient = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            comparison.add(f"{actor}/gradnorm/{name}", gradient.norm(), rounded=float32)
            shaped = {"s_score_map": gradient[:, None], "s_pred_boxes": gradient[:, None]}.get(name, gradient)
            if f"{actor}/grad/{name}" in comparison.wanted:
                comparison.add(f"{actor}/grad/{name}", shaped, rounded=float32)
        if f"{actor}/grad/student_feature_sub" in comparison.wanted:
            sub = parts["student_feature"].grad[:, ::16, :: 192 // 24]
            comparison.add(f"{actor}/grad/student_feature_sub", sub, rounded=float32)
        if f"{actor}/grad/s_attn_sub" in comparison.wanted:
            comparison.add(f"{actor}/grad/s_attn_sub", parts["s_attn"].grad[:, :, ::20, ::20], rounded=float32)
    add_transport(comparison, reference)
    assert_complete(comparison)


def add_transport(comparison, reference):
    """The released Sinkhorn on its own."""
    points = {
        "feat38": [torch.from_numpy(unit(n, (2, 38, 5), reference.seed)) for n in ("u/sk_x", "u/sk_y")],
        "small_cost": [torch.from_numpy(0.02 * unit(n, (2, 24, 2), reference.seed)) for n in ("u/sk_x2", "u/sk_y2")],
    }
    for name, (x, y) in points.items():
        value = point_transport(x, y.requires_grad_())
        value.backward()
        comparison.add(f"sinkhorn/{name}", value)
        comparison.add(f"sinkhorn/{name}_gradnorm_y", y.grad.norm())
    parts, whole = made_up(reference)
    masses = [
        (r.detach().flatten(1) / 2).softmax(dim=1)[:, None] for r in (whole.response, parts["s_score_map"])
    ]  # teacher, student
    masses[1].requires_grad_()
    value = point_transport(*masses)
    value.backward()
    comparison.add("sinkhorn/B1x256", value)
    comparison.add("sinkhorn/B1x256_grad_student_prob", masses[1].grad)
    comparison.add("sinkhorn/l2_distance_mean", (masses[0] - masses[1]).norm(dim=-1).mean())


SIZES = [(size, mode) for size in ("small", "vitb") for mode in ("eventvot", "coesot")]


def pair(reference, size, mode, dtype, *, training=False):
    """Teacher and student with their inputs, and the lesson of the set's batch."""
    teacher = published(reference, size, "teacher", mode).to(dtype)
    student = published(reference, size, "student", mode).to(dtype).train(training)
    with torch.no_grad():
        prediction, features = teacher(*crops(reference, "teacher", mode, dtype), need_attention=True)
        taught = lesson(prediction, features, ["event_image"], whole=True)
    return student, crops(reference, "student", mode, dtype), taught


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(("size", "mode"), SIZES)
def test_actors_on_the_published_networks(reference, compare, experiment, size, mode, precision):
    dtype = getattr(torch, precision)
    comparison = compare(f"{size}_losses_{mode}", precision)
    comparison.truth = reference.manifest["rule"]["gt_search_xywh"]
    student, inputs, taught = pair(reference, size, mode, dtype)
    for actor in dict.fromkeys(name.split("/")[0] for name in comparison.wanted):
        objective = objective_of(experiment, reference, actor, student.dim).to(dtype)
        student.zero_grad()
        prediction, features = student(*inputs, need_attention=True)
        total, values = objective((prediction, features), truth(comparison.truth, dtype), taught)
        total.backward()
        add_terms(comparison, experiment, actor, values, f"{actor}/", prediction.boxes)
        float32 = single_precision(actor)
        comparison.add(f"{actor}/Loss/total", total, rounded=float32)
        gradients = {name: weight.grad for name, weight in student.named_parameters() if weight.grad is not None}
        without = len(list(student.parameters())) - len(gradients)
        comparison.add(f"{actor}/n_params_without_grad", np.array(without))
        # In float64, because a float32 sum over millions of squares is off by 1e-4.
        norms = {name: gradient.double().norm() for name, gradient in gradients.items()}
        whole = torch.linalg.vector_norm(torch.stack(list(norms.values())))
        comparison.add(f"{actor}/grad_total_norm", whole, rounded=float32)
        for name in comparison.wanted:
            if name.startswith(f"{actor}/gradnorm/"):
                comparison.add(name, norms[name.rpartition("gradnorm/")[2]], rounded=float32)
    assert_complete(comparison)


def test_four_steps_of_training(reference, compare, experiment):
    comparison = compare("train_trace_small")
    comparison.truth = reference.manifest["rule"]["gt_search_xywh"]
    for key in sorted({name.split("/")[0] for name in comparison.wanted}):
        actor, mode = key.rsplit("_", 1)
        student, inputs, taught = pair(reference, "small", mode, torch.float64, training=True)
        objective = objective_of(experiment, reference, actor, student.dim)
        options = experiment.resolve(RUNS[actor]).training.model_copy(
            update={"learning_rate": 4e-4, "backbone_learning_rate": 4e-5, "weight_decay": 1e-4}
        )
        optimizer = build_optimizer(student, objective, options)
        begin = {name: tensor.clone() for name, tensor in student.state_dict().items()}
        names = [str(name) for name in comparison.wanted[f"{key}/loss_names"]]
        weights, rows, norms = experiment.resolve(RUNS[actor]).distillation.weights, [], []
        for _ in range(4):
            prediction, features = student(*inputs, need_attention=True)
            total, values = objective((prediction, features), truth(comparison.truth), taught)
            true = cxcywh_to_xyxy(xywh_to_cxcywh(torch.tensor(comparison.truth))).clamp(0, 1)
            row = {"Loss/total": total.item(), "IoU": iou(cxcywh_to_xyxy(prediction.boxes), true).mean().item()}
            for term, ours in TERMS.items():
                if ours in values:
                    scale = getattr(weights, ours) if term in WEIGHTED else 1
                    row[f"Loss/{term}"] = scale * values[ours].item()
            rows.append([row[name] for name in names])
            optimizer.zero_grad()
            total.backward()
            norms.append(torch.nn.utils.clip_grad_norm_(student.parameters(), options.clip_norm).item())
            optimizer.step()
        state = student.state_dict()
        comparison.add(f"{key}/losses", np.array(rows), rounded=True)
        comparison.add(f"{key}/loss_names", np.array(names))
        comparison.add(f"{key}/grad_norm_before_clip", np.array(norms), rounded=True)
        named = [str(name) for name in comparison.wanted[f"{key}/param_names"]]
        comparison.add(f"{key}/param_names", np.array(named))
        ends = torch.stack([state[name].norm() for name in named])
        comparison.add(f"{key}/final_param_norms", ends, rounded=True)
        moved = torch.stack([(state[name] - begin[name]).norm() for name in named])
        comparison.add(f"{key}/param_moved_norm", moved, rounded=True)
        sub = state["backbone_s.blocks.0.attn.qkv.weight"]
        comparison.add(f"{key}/final_sub_qkv0", sub[:: len(sub) // 12, :: sub.shape[1] // 12], rounded=True)
    assert_complete(comparison)


def test_overlap_and_focal_loss(reference, compare):
    comparison = compare("giou_focal")
    arrays = {name: torch.from_numpy(values) for name, values in comparison.wanted.items()}
    first = arrays["b1"].clone().requires_grad_()
    values = giou(first, arrays["b2"])
    loss = (1 - values).mean()
    loss.backward()
    comparison.add("giou", values)
    comparison.add("iou", iou(arrays["b1"], arrays["b2"]))
    comparison.add("giou_loss", loss)
    comparison.add("giou_grad_b1", first.grad)
    for case, heat in (
        ("focal", arrays["focal_target"]),
        ("focal_nopos", arrays["focal_nopos_target"]),
        ("focal_zero_target", torch.zeros_like(arrays["focal_target"])),
    ):
        response = arrays["focal_nopos_pred" if case == "focal_nopos" else "focal_pred"].clone().requires_grad_()
        loss = released_focal_loss(response[:, 0], heat[:, 0])
        loss.backward()
        comparison.add(f"{case}_loss", loss)
        comparison.add(f"{case}_grad", response.grad)
