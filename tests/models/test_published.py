"""Published checkpoints, written here in their exact formats: read without execution, matched name by name."""

import collections
import datetime
import functools
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import REPOSITORY
from typer.testing import CliRunner

from had.cli import app
from had.errors import CheckpointError, ConfigError
from had.models.inspection import describe
from had.models.network import TrackingNetwork
from had.models.weights import load_network, load_published, read_published

SWITCHES = {
    "shared_patch_embedding": True,
    "head_event_tokens": "embedded",
    "voxel_embedding": "list",
    "unused_parameters": True,
}


def network(streams=("event_image",), dim=24, depth=2, template=32, search=64, **switches):
    sizes = {"template_size": template, "search_size": search, "patch": 16, "dim": dim, "depth": depth, "heads": 3}
    return TrackingNetwork(streams=streams, **sizes, head_channels=16, **{**SWITCHES, **switches}).eval()


def filled(*args, **switches):
    """A network whose every value is random, buffers included."""
    made = network(*args, **switches)
    rng = torch.Generator().manual_seed(7)
    state = {
        n: torch.rand(t.shape, generator=rng) if t.is_floating_point() else t + 3 for n, t in made.state_dict().items()
    }
    made.load_state_dict(state)
    return made


class Settings:
    """An object of a class that the reader does not have: the published students hold such a one."""

    def __init__(self):
        self.env, self.nested = {"path": "x"}, [1, 2]


class Malicious:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def student_file(path, source, **changes):
    """As the released trainer saves a student."""
    content = {
        "epoch": 50,
        "actor_type": "HADTrackActor",
        "net_type": "HDETrack_S",
        "net": collections.OrderedDict(source.state_dict()),
        "net_info": None,
        "constructor": functools.partial(Settings),
        "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 4e-4}]},
        "stats": collections.OrderedDict(loss=np.float64(1.5), history=np.arange(3)),
        "settings": Settings(),
    }
    torch.save(content | changes, path)
    return path


def same(a, b, names=None):
    a, b = a.state_dict(), b.state_dict()
    return all(torch.equal(a[name], b[name]) for name in (names or a))


def test_a_student_is_read_without_its_settings(tmp_path):
    source, target = filled(), network()
    report = load_published(target, student_file(tmp_path / "HDETrack_S_ep0050.pth.tar", source))
    assert same(source, target)
    assert len(report.matched) == len(source.state_dict())
    assert not any(getattr(report, group) for group in ("reshaped", "missing", "absent", "misfits", "unexpected"))
    facts = read_published(tmp_path / "HDETrack_S_ep0050.pth.tar").facts
    assert facts["epoch"] == 50
    assert "Settings" in facts["settings"]


@pytest.mark.parametrize("zipped", [True, False])
def test_both_formats_of_torch_are_read(tmp_path, zipped):
    source, target = filled(), network()
    torch.save(
        {"net": source.state_dict(), "settings": Settings()}, tmp_path / "x", _use_new_zipfile_serialization=zipped
    )
    load_published(target, tmp_path / "x")
    assert same(source, target)
    assert ("none" in read_published(tmp_path / "x").facts["checksum"]) is not zipped


@pytest.mark.parametrize("wrapper", ["", "module."])
@pytest.mark.parametrize("key", ["net", None])
def test_a_two_stream_checkpoint_fills_a_teacher(tmp_path, key, wrapper):
    """The released trainer's own loader matches none of these names and says nothing."""
    source, target = filled(("rgb", "event_image")), network(("rgb", "event_image"))
    state = {wrapper + name: tensor for name, tensor in source.state_dict().items()}
    torch.save({key: state, "epoch": 50} if key else state, tmp_path / "CEUTrack_ep0050.pth.tar")
    report = load_published(target, tmp_path / "CEUTrack_ep0050.pth.tar")
    assert same(source, target)
    assert not report.missing
    assert describe(read_published(tmp_path / "CEUTrack_ep0050.pth.tar"))["encoder prefix"] == f"{wrapper}backbone."


def mae_file(path, dim=24, side=14, **changes):
    source = filled(dim=dim)
    state = {n.removeprefix("backbone_s."): t for n, t in source.state_dict().items() if n.startswith("backbone_s.")}
    for name in list(state):
        if name.startswith(("pos_embed_", "voxel")):
            del state[name]
    ramp = torch.linspace(0, 1, side).repeat_interleave(side)[None, :, None].expand(1, -1, dim)
    state["pos_embed"] = torch.cat([torch.zeros(1, 1, dim), ramp], dim=1)
    torch.save({"model": state | changes}, path)
    return source


def test_mae_fills_the_encoder_and_its_positions(tmp_path):
    source, target = mae_file(tmp_path / "mae.pth", decoder_embed=torch.ones(3)), network()
    head = {name: t.clone() for name, t in target.state_dict().items() if name.startswith("box_head.")}
    report = load_published(target, tmp_path / "mae.pth")
    assert same(source, target, [n for n in source.state_dict() if ".blocks." in n or ".patch_embed." in n])
    assert all(torch.equal(target.state_dict()[name], t) for name, t in head.items())
    assert sorted(report.reshaped) == ["backbone_s.pos_embed_x", "backbone_s.pos_embed_z"]
    assert report.unexpected == ["decoder_embed"]
    assert set(head) <= set(report.absent)
    rows = target.encoder.pos_embed_x[0, :, 0].view(4, 4)
    assert torch.allclose(rows, rows[:, :1].expand(4, 4), atol=1e-6)  # the ramp goes down the rows, as before
    assert (rows[1:, 0] > rows[:-1, 0]).all()


def test_a_mae_file_without_positions_is_refused(tmp_path):
    mae_file(tmp_path / "mae.pth")
    state = torch.load(tmp_path / "mae.pth", weights_only=True)
    del state["model"]["pos_embed"]
    torch.save(state, tmp_path / "mae.pth")
    with pytest.raises(CheckpointError, match=r"without backbone_s\.pos_embed_z"):
        load_published(network(), tmp_path / "mae.pth")


def test_positions_of_another_crop_size_are_resized(tmp_path):
    torch.save({"net": filled().state_dict()}, tmp_path / "x.pth")
    target = network(template=64, search=128)
    report = load_published(target, tmp_path / "x.pth")
    assert sorted(report.reshaped) == ["backbone_s.pos_embed_x", "backbone_s.pos_embed_z"]
    assert torch.isfinite(target.encoder.pos_embed_x).all()


def test_a_teacher_file_starts_a_student_only_in_part(tmp_path):
    source, target = filled(("rgb", "event_image")), network()
    torch.save({"net": source.state_dict()}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"box_head.conv1_ctr.0.weight of shape \(16, 24, 3, 3\), got \(16, 48"):
        load_published(target, tmp_path / "x.pth")
    report = load_published(target, tmp_path / "x.pth", partial=True)
    assert len(report.misfits) == 3
    assert torch.equal(target.encoder.blocks[0].attn.qkv.weight, source.encoder.blocks[0].attn.qkv.weight)


def test_missing_counters_of_batch_norm_are_no_fault(tmp_path):
    state = {n: t for n, t in filled().state_dict().items() if "num_batches_tracked" not in n}
    torch.save({"net": state}, tmp_path / "x.pth")
    assert len(load_published(network(), tmp_path / "x.pth").absent) == 12


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dim": 48}, "of another architecture"),
        ({"depth": 3}, r"without backbone_s.blocks.2.norm1.weight \(and 11 more\)"),
        ({"streams": ("event_image", "voxel"), "unused_parameters": False}, "of shape"),
    ],
)
def test_another_architecture_is_refused(tmp_path, changes, sentence):
    torch.save({"net": filled().state_dict()}, tmp_path / "x.pth")
    before = network(**changes)
    state = {name: tensor.clone() for name, tensor in before.state_dict().items()}
    with pytest.raises(CheckpointError, match=sentence):
        load_published(before, tmp_path / "x.pth")
    assert all(torch.equal(state[name], tensor) for name, tensor in before.state_dict().items())


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, zipped):
    mark = tmp_path / "was_run"
    content = {"net": filled().state_dict(), "settings": Malicious(f"touch {mark}")}
    torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="holds code"):
        read_published(tmp_path / "x.pth")
    assert not mark.exists()


def test_a_program_is_refused(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="TorchScript"):
        read_published(tmp_path / "x.pth")


def test_broken_files_are_one_sentence(tmp_path):
    whole = student_file(tmp_path / "whole.pth", filled()).read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.pth").write_text("hello")
    torch.save({"net": {"a": torch.ones(2)}}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    state = filled().state_dict()
    state["backbone_s.norm.weight"][0] = torch.nan
    torch.save({"net": state}, tmp_path / "nan.pth")
    state["backbone_s.norm.weight"] = torch.full((24,), 1e300, dtype=torch.float64)
    torch.save({"net": state}, tmp_path / "large.pth")
    state["backbone_s.norm.weight"] = torch.ones(24, dtype=torch.complex64)
    torch.save({"net": state}, tmp_path / "complex.pth")
    for name, sentence in {
        "cut": "truncated or of another kind",
        "text": "truncated or of another kind",
        "other": "a vision transformer's tensors",
        "list": "a dictionary of tensors",
        "nan": "NaN, infinity or what float32 cannot hold in backbone_s.norm.weight",
        "large": "NaN, infinity or what float32 cannot hold in backbone_s.norm.weight",
        "complex": "complex ones in backbone_s.norm.weight",
        "none": "no file",
    }.items():
        with pytest.raises(CheckpointError, match=sentence) as caught:
            read_published(tmp_path / f"{name}.pth")
        assert "\n" not in str(caught.value)


def test_damaged_bytes_are_noticed(tmp_path):
    """Zeros are finite, and torch does not look at a zip's checksums."""
    path = student_file(tmp_path / "whole.pth", filled())
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    middle = largest.header_offset + largest.file_size // 2
    content[middle : middle + 64] = bytes(64)
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="checksums"):
        read_published(path)


@pytest.fixture
def configuration(tmp_path):
    source = yaml.safe_load((REPOSITORY / "config/smoke.yaml").read_text())
    source["runs"] = {"student": {"title": "S"}, "teacher": {"title": "T", "role": "teacher"}}
    source["crops"] |= {"template_size": 32, "search_size": 64, "template_voxels": 64, "search_voxels": 256}
    source["network"] = {"patch": 16, "dim": 24, "depth": 2, "heads": 3, "head_channels": 16, **SWITCHES}
    source.pop("figures", None)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(source))
    return path


def test_inspect_and_convert(tmp_path, configuration, caplog):
    file = student_file(tmp_path / "HDETrack_S_ep0050.pth", source := filled())
    shown = CliRunner().invoke(app, ["weights", "inspect", str(file), "--config", str(configuration)])
    assert shown.exit_code == 0, shown.output
    assert "student" in shown.output
    assert "matched" in shown.output
    output = tmp_path / "model.safetensors"
    arguments = ["weights", "convert", str(file), "--config", str(configuration), "--run", "student"]
    arguments += ["--output", str(output)]
    assert isinstance(CliRunner().invoke(app, [*arguments[:-1], str(tmp_path / "x.pth")]).exception, ConfigError)
    assert CliRunner().invoke(app, arguments).exit_code == 0
    written, provenance = load_network(output)
    assert same(written, source)
    assert provenance["published"]["kind"] == "student"
    assert provenance["published"]["missing"] == 0
    assert provenance["options"]["crops"]["template_size"] == 32  # what `had track --recording` cuts
    assert provenance["tracking"] == {"window_influence": 1.0, "size_rate": 1.0, "clip_margin": 2.0}
    source = yaml.safe_load(configuration.read_text())
    source["tracking"] = {"size_rate": 0.5}
    configuration.write_text(yaml.safe_dump(source))
    assert CliRunner().invoke(app, [*arguments[:2], str(output), *arguments[3:]]).exit_code == 0
    assert "tracking.size_rate 0.5 of the configuration replaces 1.0 in" in caplog.text
    assert load_network(output)[1]["tracking"]["size_rate"] == 0.5
    again = CliRunner().invoke(app, ["weights", "inspect", str(output)])
    assert again.exit_code == 0
    assert "own" in again.output


@pytest.mark.parametrize("streams", [("event_image",), ("event_image", "voxel"), ("rgb", "event_image")])
def test_inspect_alone_accounts_for_every_tensor(tmp_path, streams):
    source = filled(streams)
    torch.save({"net": source.state_dict()}, tmp_path / "x.pth.tar")
    shown = CliRunner().invoke(app, ["weights", "inspect", str(tmp_path / "x.pth.tar")])
    assert shown.exit_code == 0, shown.output
    assert re.search(rf"^matched +{len(source.state_dict())}$", shown.output, flags=re.MULTILINE)
    for group in ("reshaped", "missing", "misfits", "unexpected"):
        assert re.search(rf"^{group} +0$", shown.output, flags=re.MULTILINE)


def test_inspect_shows_the_report_of_an_incomplete_file_and_fails(tmp_path):
    state = filled().state_dict()
    del state["backbone_s.norm.bias"]
    torch.save({"net": state | {"surplus": torch.ones(2)}}, tmp_path / "x.pth")
    arguments = ["weights", "inspect", str(tmp_path / "x.pth")]
    shown = CliRunner().invoke(app, arguments)
    assert "missing       1  backbone_s.norm.bias" in shown.output
    assert "unexpected    1  surplus" in shown.output
    assert isinstance(shown.exception, CheckpointError)
    assert CliRunner().invoke(app, [*arguments, "--partial"]).exit_code == 0


def test_inspect_of_a_mae_file_expects_no_head(tmp_path):
    mae_file(tmp_path / "mae.pth")
    shown = CliRunner().invoke(app, ["weights", "inspect", str(tmp_path / "mae.pth")])
    assert shown.exit_code == 0, shown.output
    assert re.search(r"^reshaped +2  ", shown.output, flags=re.MULTILINE)
    assert re.search(r"^missing +0$", shown.output, flags=re.MULTILINE)


def test_convert_says_which_published_switches_a_configuration_lacks(tmp_path, configuration):
    file = student_file(tmp_path / "x.pth", filled())
    arguments = ["--config", str(configuration), "--run", "student", "--output", str(tmp_path / "model.safetensors")]
    answer = CliRunner().invoke(app, ["weights", "convert", str(file), *arguments])
    assert answer.exit_code == 0
    assert "warning: trained with network.event_normalization imagenet" in answer.stderr


def test_a_file_does_not_say_its_own_kind(tmp_path):
    student_file(tmp_path / "x.pth", filled(), kind="own")
    assert read_published(tmp_path / "x.pth").kind == "student"


def test_a_mae_file_is_no_tracker(tmp_path, configuration):
    mae_file(tmp_path / "mae.pth")
    output = tmp_path / "tracker.safetensors"
    arguments = ["weights", "convert", str(tmp_path / "mae.pth"), "--output", str(output), "--run", "student"]
    arguments += ["--config", str(configuration)]
    shown = CliRunner().invoke(app, arguments)
    assert isinstance(shown.exception, CheckpointError)
    assert "without a head" in str(shown.exception)
    assert not output.exists()
    assert CliRunner().invoke(app, [*arguments, "--partial"]).exit_code == 0


def test_settings_with_paths_and_dates_are_no_code(tmp_path):
    plain = {"where": Path("here"), "when": datetime.datetime(2026, 1, 1), "for": datetime.timedelta(1)}
    student_file(tmp_path / "x.pth", filled(), settings=plain)
    assert read_published(tmp_path / "x.pth").kind == "student"


@pytest.mark.parametrize("heads", [0, 5])
def test_heads_that_cannot_be_are_refused(heads):
    with pytest.raises(ConfigError, match="heads"):
        TrackingNetwork(**(network().architecture | {"heads": heads}))


def test_nothing_is_written_from_a_file_that_does_not_fit(tmp_path, configuration):
    torch.save({"net": filled(dim=48).state_dict()}, tmp_path / "x.pth")
    output = tmp_path / "model.safetensors"
    arguments = ["weights", "convert", str(tmp_path / "x.pth"), "--config", str(configuration), "--run", "student"]
    arguments += ["--output", str(output)]
    assert isinstance(CliRunner().invoke(app, arguments).exception, CheckpointError)
    assert not output.exists()
