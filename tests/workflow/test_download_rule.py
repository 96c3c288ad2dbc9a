"""The rule `download`: for folders that do not exist, and only where no browser is needed."""

import io
import zipfile

import pytest
import yaml

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


def test_folders_of_the_users_and_pages_for_browsers_have_no_such_rule(snakemake, server):
    config = fetchable(snakemake, server)
    (snakemake.folder / "my data/FE108").mkdir(parents=True)
    assert "download" not in jobs(snakemake("-n", "--configfile", config))
    assert "download" not in jobs(snakemake("-n", "--configfile", "config/paper.yaml"))
