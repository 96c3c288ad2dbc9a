# Recordings: simulated here, downloaded or found on disk, then prepared for training and tracking.


rule simulate:
    output:
        names="<results>/data/{benchmark}/raw/{folder}/list.txt",
        attributes="<results>/data/{benchmark}/raw/{folder}/attributes.csv",
    log:
        "<logs>/simulate/{benchmark}_{folder}.log",
    benchmark:
        "<logs>/simulate/{benchmark}_{folder}.tsv"
    wildcard_constraints:
        benchmark=one_of(SIMULATED),
    priority: 20
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=60,
    params:
        config=CONFIGURATION,
        split=lambda wildcards: FOLDERS[wildcards.folder],
        root=lambda wildcards: recordings(wildcards.benchmark).as_posix(),
        digest=simulation_digest,
    message:
        "Simulate the {wildcards.folder} recordings of {wildcards.benchmark}."
    shell:
        "had simulate --config {params.config:q} --benchmark {wildcards.benchmark} --split {params.split}"
        " --output {params.root:q} --workers {threads} > {log:q} 2>&1"


rule download:
    output:
        marker="<results>/data/{benchmark}/downloaded.txt",
    log:
        "<logs>/download/{benchmark}.log",
    benchmark:
        "<logs>/download/{benchmark}.tsv"
    wildcard_constraints:
        benchmark=one_of(DOWNLOADED),
    priority: 20
    retries: 2
    # On a cluster where `snakemake` runs: nodes that compute often reach no network.
    localrule: True
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=2880,
    params:
        datasets=lambda wildcards: DOWNLOADED[wildcards.benchmark].datasets,
        root=lambda wildcards: recordings(wildcards.benchmark).as_posix(),
    message:
        "Download {wildcards.benchmark} into {params.root}."
    shell:
        "had download {wildcards.benchmark} --datasets {params.datasets:q} --root {params.root:q}"
        " --output {output.marker:q} > {log:q} 2>&1"


# `update`: a file that is there is checked, not fetched again.
rule weights:
    output:
        file=update("{weights}"),
    log:
        "<logs>/download/{weights}.log",
    wildcard_constraints:
        weights=one_of(map(re.escape, WEIGHTS)),
    priority: 20
    retries: 2
    localrule: True
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=120,
    params:
        source=lambda wildcards: WEIGHTS[wildcards.weights],
    message:
        "Fetch the published weights {wildcards.weights}."
    shell:
        "{params.source.call} --datasets {params.source.datasets:q} > {log:q} 2>&1"


rule prepare:
    input:
        names=lambda wildcards: split_list(wildcards.benchmark, wildcards.split),
    output:
        index="<results>/data/{benchmark}/prepared/{split}/index.json",
    log:
        "<logs>/prepare/{benchmark}_{split}.log",
    benchmark:
        "<logs>/prepare/{benchmark}_{split}.tsv"
    priority: 20
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        config=CONFIGURATION,
        root=lambda wildcards: recordings(wildcards.benchmark).as_posix(),
        prepared=lambda wildcards, output: Path(output.index).parents[1],
        digest=preparation_digest,
    message:
        "Prepare the {wildcards.split} recordings of {wildcards.benchmark}."
    shell:
        "had prepare --config {params.config:q} --benchmark {wildcards.benchmark} --split {wildcards.split}"
        " --root {params.root:q} --output {params.prepared:q} --workers {threads} > {log:q} 2>&1"
