"""The rules `download` and `weights`: for what is not there, once; where a browser is needed they are refused."""

import io
import zipfile

import pytest
import torch
import yaml

from had.config import load
from had.models.network import build_network
from tests.data.web import Server, content
from tests.workflow.conftest import Snakemake, output
from tests.workflow.test_graph import jobs


@pytest.fixture
def server():
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


def fetchable(snakemake: Snakemake, server: Server) -> str:
    """A configuration of a benchmark whose archives a server has; its file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("s1/groundtruth_rect.txt", "1,2,3,4\n")
        archive.writestr("list.txt", "s1\n")
    server.answers["/a.zip"] = [content(buffer.getvalue())]
    file = {"name": "a.zip", "url": server.url("/a.zip")}
    item = {"read": "https://h.org", "files": [file]}
    edition = {"title": "all", "items": {"train": item, "test": item}}
    data = {"title": "FE108", "kind": "benchmark", "read_on": "2026-01-01", "editions": {"one": edition}}
    folder = snakemake.folder / "mine" / "datasets"
    folder.mkdir(parents=True)
    (folder / "fe108.yaml").write_text(yaml.safe_dump(data))
    config = "runs: {}\ncontrols: [static]\nbenchmarks: {fe108: {root: my data/FE108}}\n"
    (snakemake.folder / "mine" / "a.yaml").write_text(config)
    return "mine/a.yaml"


def test_a_missing_folder_is_downloaded_once(snakemake, server):
    config = fetchable(snakemake, server)
    marker = "results/data/fe108/downloaded.txt"
    counts = jobs(snakemake("-n", "--configfile", config))
    assert (counts["download"], counts["prepare"]) == (1, 1)  # without networks only the test split is prepared
    answer = snakemake("--cores", "1", "--configfile", config, "--", marker)
    assert answer.returncode == 0, output(answer)
    assert (snakemake.folder / "my data/FE108/train/s1/groundtruth_rect.txt").is_file()
    again = snakemake("-n", "--configfile", config, "--", marker)
    assert "Nothing to be done" in output(again)
    assert "download" not in jobs(snakemake("-n", "--configfile", config))


def test_folders_of_the_users_have_no_such_rule(snakemake, server):
    config = fetchable(snakemake, server)
    (snakemake.folder / "my data/FE108").mkdir(parents=True)
    assert "download" not in jobs(snakemake("-n", "--configfile", config))


FILE = "my weights/tiny.pth"


def with_weights(snakemake: Snakemake, server: Server, **published) -> tuple[str, bytes]:
    """A configuration whose student starts from a file that a server has, and that file."""
    folder = snakemake.folder / "mine"
    (folder / "datasets").mkdir(parents=True)
    config = folder / "a.yaml"
    config.write_text(
        "controls: [static]\nruns: {student: {title: Student}}\nbenchmarks: {coesot: {simulation: {}}}\n"
        "crops: {template_size: 32, search_size: 64}\nnetwork: {dim: 16, depth: 1, heads: 2, head_channels: 8}\n"
        f"training: {{student: {{initial_weights: {FILE}}}}}\n"
    )
    network = build_network(load({**yaml.safe_load(config.read_text()), "training": {}}).resolve("student"), ("rgb",))
    buffer = io.BytesIO()
    torch.save({"net": network.state_dict()}, buffer)
    server.answers["/tiny.pth"] = [content(buffer.getvalue())]
    file = {"name": "tiny.pth", "url": server.url("/tiny.pth"), **published}
    place = {"host": "a browser's", "url": "https://h.org/here", "read": "https://h.org"}
    item = {"read": "https://h.org", "unpack": False, "files": [file], "places": [place]}
    edition = {"title": "all", "items": {"tiny": item}}
    data = {"title": "Weights", "kind": "weights", "read_on": "2026-01-01", "editions": {"one": edition}}
    (folder / "datasets" / "weights.yaml").write_text(yaml.safe_dump(data))
    return "mine/a.yaml", buffer.getvalue()


def test_published_weights_are_fetched_once_before_a_training_starts_from_them(snakemake, server):
    config, data = with_weights(snakemake, server)
    planned = snakemake("-n", "--configfile", config)
    assert jobs(planned)["weights"] == 1
    assert "Missing: " not in output(planned)
    answer = snakemake("--cores", "1", "--configfile", config, "--", FILE)
    assert answer.returncode == 0, output(answer)
    assert (snakemake.folder / FILE).read_bytes() == data
    assert "weights" not in jobs(snakemake("-n", "--configfile", config))
    again = snakemake("--cores", "1", "--configfile", config, "--forcerun", "weights", "--", FILE)
    assert again.returncode == 0, output(again)  # it is checked, not fetched
    assert len(server.seen) == 1


def test_weights_with_another_checksum_are_refused_fetched_or_found(snakemake, server):
    config, data = with_weights(snakemake, server, md5="0" * 32)
    answer = snakemake("--cores", "1", "--retries", "0", "--configfile", config, "--", FILE)
    assert answer.returncode == 1
    assert f"instead of {'0' * 32}" in output(answer)
    assert not (snakemake.folder / FILE).exists()
    (snakemake.folder / FILE).write_bytes(data)
    found = snakemake("--cores", "1", "--configfile", config, "--", "results/logs/database.txt")
    assert found.returncode == 1
    assert f"had: expected {FILE} as published" in output(found)
    assert not (snakemake.folder / "results" / "logs" / "database.txt").exists()


def test_weights_that_need_a_browser_stop_a_run_before_its_first_job(snakemake, server):
    config, _ = with_weights(snakemake, server, url=None)
    assert "Missing: Weights (tiny) is not in my weights and needs a browser" in output(
        snakemake("-n", "--configfile", config)
    )
    answer = snakemake("--cores", "1", "--configfile", config)
    assert answer.returncode == 1
    assert "open https://h.org/here" in output(answer)
    assert "put tiny.pth into my weights/" in output(answer)
    assert not (snakemake.folder / "results").exists()
    assert not server.seen


def test_weights_of_no_known_name_must_be_there(snakemake, server):
    config, _ = with_weights(snakemake, server)
    other = ("--config", "training={student: {initial_weights: own.pth}}")
    answer = snakemake("-n", "--configfile", config, *other)
    assert answer.returncode == 1
    assert "own.pth" in output(answer)
