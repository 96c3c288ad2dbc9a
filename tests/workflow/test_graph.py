"""The graph of jobs without running one: targets, names, triggers, profiles, refusals."""

import os
import re
import shlex

import pytest

from tests.workflow.conftest import REPOSITORY, Snakemake, output


def jobs(answer) -> dict[str, int]:
    """Job counts of a dry run."""
    assert answer.returncode == 0, output(answer)
    table = re.search(r"^Job stats:\n.*\n-.*\n((?:\w+ +\d+\n)+)", output(answer), flags=re.MULTILINE)
    return {name: int(count) for name, count in (line.split() for line in table.group(1).splitlines())}


def test_plain_snakemake_makes_everything(snakemake):
    counts = jobs(snakemake("-n"))
    networks, rows = 6, 9
    assert counts["simulate"] == counts["prepare"] == 6
    assert counts["train_teacher"] == 2
    assert counts["train_teacher"] + counts["distill"] == counts["track"] == 2 * networks
    assert counts["profile"] == 2  # all networks of a benchmark in one
    assert counts["evaluate"] == 2 * rows
    assert counts["table"] == 14
    assert counts["notebook"] == 3
    assert counts["page"] == 1
    assert counts["explain"] == counts["films"] == 2
    assert "track_starts" not in counts
    assert counts["mlflow"] == counts["video"] == 2
    assert counts["database"] == 1


@pytest.mark.parametrize(
    ("config", "profile"),
    [
        ("config", []),
        ("paper", []),
        ("config", ["--profile", "profiles/slurm"]),
        ("paper", ["--profile", "profiles/slurm"]),
        ("paper", ["--workflow-profile", "profiles/slurm"]),
    ],
)
def test_dry_runs_pass_with_shipped_configurations_and_profiles(snakemake, config, profile):
    assert jobs(snakemake("-n", "--configfile", f"config/{config}.yaml", *profile))["default"] == 1


def test_a_given_configuration_stands_alone(snakemake):
    (snakemake.folder / "one.yaml").write_text(
        "runs: [student]\ncontrols: [static]\nseeds: [1, 2]\nbenchmarks: {eventvot: {simulation: {seed: 3}}}\n"
    )
    counts = jobs(snakemake("-n", "--configfile", "one.yaml"))
    assert "train_teacher" not in counts
    assert counts["distill"] == 2
    assert counts["evaluate"] == 3


def test_only_distilled_students_wait_for_the_teacher(snakemake):
    smoke = ["-n", "--configfile", "config/smoke.yaml"]
    checkpoints = "results/smoke/checkpoints/coesot/{}/seed0/model.safetensors"
    assert "train_teacher" not in jobs(snakemake(*smoke, "--", checkpoints.format("student")))
    assert jobs(snakemake(*smoke, "--", checkpoints.format("had")))["train_teacher"] == 1


def test_fewer_teachers_are_shared(snakemake):
    seeds = ["--config", "seeds=[0,1,2]", "run_seeds={teacher: [0, 1]}"]
    weights = "results/smoke/checkpoints/coesot/had/seed2/model.safetensors"
    asked = snakemake("-n", "--configfile", "config/smoke.yaml", *seeds, "--", weights)
    assert jobs(asked)["train_teacher"] == 1
    assert "Train the teacher teacher on coesot, seed 0." in output(asked)


def test_crops_without_labels_wait_for_the_teachers_tracks(snakemake):
    few = "regimes={few: {title: few, training: {sequences: 2}, distillation: {unlabelled: true}}}"
    seeds = ["--config", "seeds=[0,1,2]", "run_seeds={teacher: [0, 1]}", few]
    folder = "results/smoke/checkpoints/coesot"
    wanted = [f"{folder}/{run}/seed2/model.safetensors" for run in ("had_few", "hdetrack_few", "student_few", "had")]
    asked = snakemake("-n", "--configfile", "config/smoke.yaml", *seeds, "--", *wanted)
    counts = jobs(asked)
    assert (counts["train_teacher"], counts["pseudo_label"], counts["teach"], counts["distill"]) == (1, 1, 2, 4)
    assert "training sequences with the teacher of seed 0." in output(asked)
    plain = snakemake(
        "-n", "--configfile", "config/smoke.yaml", *seeds, "--", f"{folder}/student_few/seed2/model.safetensors"
    )
    assert not {"train_teacher", "pseudo_label", "teach"} & set(jobs(plain))


@pytest.mark.parametrize("target", ["all", "data", "tables", "figures", "page"])
def test_named_targets(snakemake, target):
    assert jobs(snakemake("-n", "--", target))[target] == 1


def test_single_products_by_name(snakemake):
    counts = jobs(snakemake("-n", "--", "results/tables/ablation_coesot.tex"))
    assert counts["table"] == 1
    assert counts["simulate"] == 3  # one benchmark only
    assert "profile" not in counts
    counts = jobs(snakemake("-n", "--", "results/figures/losses_eventvot.pdf"))
    assert "track" not in counts
    counts = jobs(snakemake("-n", "--", "results/tables/ablation_coco-object-meeting.tex"))
    assert counts["alias_latex"] == counts["table"] == 1


def test_published_curves_repeat_what_shows_them_and_train_nothing(snakemake):
    (snakemake.folder / "one.yaml").write_text(
        "runs: [student]\ncontrols: [static]\nbenchmarks: {coesot: {simulation: {seed: 3}, baselines: curves.npz}}\n"
    )
    product = "results/figures/boc_coesot.pdf"
    refused = snakemake("-n", "--configfile", "one.yaml", "--", product)
    assert "curves.npz" in output(refused)  # not there
    (snakemake.folder / "curves.npz").write_bytes(b"")
    assert jobs(snakemake("-n", "--configfile", "one.yaml", "--", product))["figure"] == 1


def test_names_outside_the_closed_sets_have_no_rule(snakemake):
    for product in ("tables/ablation_visevent.tex", "tables/radar_coesot.csv", "tracks/coesot/hda/seed0/summary.json"):
        answer = snakemake("-n", "--", f"results/{product}")
        assert answer.returncode == 1
        assert "MissingRuleException" in output(answer)


def test_blanks_in_paths_are_quoted(snakemake):
    sources = "{coesot: {root: my dätä/coesot}, eventvot: {simulation: {seed: 3}}}"
    (snakemake.folder / "blanks.yaml").write_text(
        f"results: my results\nruns: [teacher, had]\ncontrols: [static]\nkeep_lessons: true\nbenchmarks: {sources}\n"
    )
    answer = snakemake("-n", "-p", "--configfile", "blanks.yaml")
    assert answer.returncode == 0, output(answer)
    commands = re.findall(r"Shell command: ((?:had|papermill|cp) .*)", output(answer))
    assert len({command.split()[1] for command in commands}) >= 10
    for command in commands:
        words = shlex.split(command)
        assert not {"results/config.yaml", "data/coesot"} & set(words)
        for option in ("--config", "--root", "--output", "--data", "--teacher", "--lessons", "--annotations"):
            if option in words:
                assert words[words.index(option) + 1].startswith("my ")


@pytest.mark.parametrize(("benchmark", "tables", "figures"), [("coesot", 3, 8), ("fe108", 1, 6)])
def test_without_networks_or_attributes_what_says_nothing_is_left_out(snakemake, benchmark, tables, figures):
    (snakemake.folder / "none.yaml").write_text(
        f"runs: {{}}\ncontrols: [static]\nbenchmarks: {{{benchmark}: {{root: nowhere}}}}\n"
    )
    counts = jobs(snakemake("-n", "--configfile", "none.yaml"))
    assert (counts["table"], counts["figure"], counts["video"], counts["mlflow"]) == (tables, figures, 1, 1)
    assert counts["notebook"] == (2 if benchmark == "coesot" else 1)
    assert not {"profile", "explain", "distill"} & set(counts)


def test_starts_add_their_jobs_and_repeat_none(snakemake):
    smoke = ["-n", "--configfile", "config/smoke.yaml"]
    counts = jobs(snakemake(*smoke, "--config", "tracking={starts: {}}"))
    plain = jobs(snakemake(*smoke))
    assert counts["track_starts"] == 12
    assert counts["track_starts_control"] == 4  # not the ground truth
    assert counts["robustness"] == 16
    added = {name: count - plain.get(name, 0) for name, count in counts.items() if count != plain.get(name, 0)}
    assert added.pop("total") == 12 + 4 + 16 + 4
    assert set(added) == {"track_starts", "track_starts_control", "robustness", "table", "figure"}
    some = jobs(snakemake(*smoke, "--config", "tracking={starts: {runs: [had, static]}}"))
    assert (some["track_starts"], some["track_starts_control"], some["robustness"]) == (2, 2, 4)


def test_explanations_need_their_own_networks_only(snakemake):
    asked = ["-n", "-p", "--configfile", "config/smoke.yaml", "--config", "explain={runs: [had_sa]}", "--"]
    answer = snakemake(*asked, "results/smoke/explain/coesot/index.json")
    assert jobs(answer)["explain"] == 1
    assert "had explain --config results/smoke/config.yaml --benchmark coesot" in output(answer)


def test_films_of_deciding_sequences_come_before_their_table(snakemake):
    smoke = ["-n", "--configfile", "config/smoke.yaml"]
    table = ["--", "results/smoke/tables/sequences_coesot.md"]
    assert jobs(snakemake(*smoke, *table))["films"] == 1
    assert "films" not in jobs(snakemake(*smoke, "--config", "figures={films: false}", *table))


def test_films_have_the_other_name_too(snakemake):
    assert jobs(snakemake("-n", "--", "results/videos/coco-object-meeting.webm"))["alias_video"] == 1


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("seds=[1]", "did you mean 'seeds'?"),
        ("training={student: {epoch: 3}}", "did you mean 'epochs'?"),
        ("runs=[teacher, hadd]", "did you mean 'had'?"),
        ("crops={clip_frames: 1}", "temporal"),
    ],
)
def test_a_wrong_configuration_stops_before_any_job_with_one_sentence(snakemake, override, sentence):
    answer = snakemake("--cores", "1", "--configfile", "config/smoke.yaml", "--config", override)
    assert answer.returncode == 1
    lines = [line for line in answer.stderr.splitlines() if "profile" not in line]
    assert len(lines) == 1
    assert sentence in lines[0]
    assert not (snakemake.folder / "results").exists()


def test_broken_published_scores_stop_before_any_job_with_one_sentence(snakemake):
    (snakemake.folder / "mine.csv").write_text(
        "benchmark,tracker,SR,PR,NPR,source,note\ncoesot,A,62.7,,,https://x.org,\n"
    )
    answer = snakemake("-n", "--config", "published=mine.csv")
    assert answer.returncode == 1
    assert "'62.7' as SR in row 2 of mine.csv" in output(answer)
    assert "Traceback" not in output(answer)


def test_a_dry_run_writes_nothing(snakemake):
    assert snakemake("-n").returncode == 0
    assert not (snakemake.folder / "results").exists()


@pytest.mark.parametrize(
    ("change", "repeated", "kept"),
    [
        ("distillation={weights: {spatial: 2.0}}", "distill", 4),  # had_sa and had, in both benchmarks
        ("evaluation={resamples: 300}", "table", 14),
        ("tracking={window_influence: 0.5}", "track", 12),
    ],
)
def test_a_changed_option_repeats_what_depends_on_it_and_nothing_before(finished, change, repeated, kept):
    answer = finished("-n", "--configfile", "config/smoke.yaml", "--config", change)
    counts = jobs(answer)
    assert counts[repeated] == kept
    order = ["simulate", "prepare", "train_teacher", "distill", "track", "evaluate", "table"]
    assert not set(order[: order.index(repeated)]) & set(counts)


def test_a_further_row_trains_that_row_alone(finished):
    """Also its teacher's lessons stay as they are: it asks the teacher itself."""
    folder = finished.folder / "more"
    (folder / "runs").mkdir(parents=True)
    (folder / "runs" / "responses.yaml").write_text("title: Responses\nterms: [response]\n")
    smoke = (REPOSITORY / "config" / "smoke.yaml").read_text()
    (folder / "more.yaml").write_text(smoke.replace("[teacher, student,", "[teacher, responses, student,"))
    counts = jobs(finished("-n", "--configfile", "more/more.yaml"))
    assert counts["distill"] == counts["track"] == 2
    assert not {"simulate", "prepare", "train_teacher", "teach"} & set(counts)


def test_missing_recordings_are_one_clear_sentence(tmp_path):
    run = Snakemake(tmp_path / "run")
    (run.folder / "real.yaml").write_text(
        "runs: [student]\ncontrols: [static]\nbenchmarks: {eventvot: {root: no/such/folder}}\n"
    )
    answer = run("--cores", "1", "--configfile", "real.yaml", "--", "data")
    assert answer.returncode == 1
    sentences = [line for line in output(answer).splitlines() if line.startswith("had: ")]
    assert len(sentences) == 1
    assert "EventVOT (train, val, test) is not in no/such/folder" in sentences[0]
    assert "Traceback" not in output(answer)
    assert not list((run.folder / "results").rglob("index.json"))


def test_the_search_path_of_the_caller_does_not_matter(snakemake):
    """`.venv/bin/snakemake` without an activated environment finds the jobs' Python beside its own."""
    answer = snakemake(
        "--cores", "1", "--configfile", "config/smoke.yaml", "--", "results/smoke/logs/database.txt",
        environment={"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")},
    )  # fmt: skip
    assert answer.returncode == 0, output(answer)


def test_every_rule_has_the_memory_that_its_job_takes_on_a_cluster():
    """There a job is a Snakemake of its own (154 MB seen), with torch beside it where a run starts from weights."""
    rules = "".join(path.read_text() for path in (REPOSITORY / "workflow" / "rules").glob("*.smk"))
    stated = [int(number) for number in re.findall(r"mem_mb=(\d+),", rules)]
    assert len(stated) == rules.count("mem_mb=") == rules.count("    resources:")
    assert min(stated) >= 1000
