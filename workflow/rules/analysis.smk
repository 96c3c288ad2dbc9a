# Beyond the scores: crops on which teacher and students are compared, films of the sequences that decide, and tracks from
# jittered first boxes.


rule explain:
    input:
        data=lambda wildcards: prepared(wildcards.benchmark, "test"),
        scores=lambda wildcards: per_run(
            wildcards.benchmark,
            "metrics/{benchmark}/{run}/seed{seed}/per_sequence.csv",
        ),
        models=explained_models,
    output:
        index="<results>/explain/{benchmark}/index.json",
    log:
        "<logs>/explain/{benchmark}.log",
    benchmark:
        "<logs>/explain/{benchmark}.tsv"
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=graphics_cards,
    params:
        config=CONFIGURATION,
        folder=lambda wildcards, output: Path(output.index).parent,
        digest=explain_digest,
    message:
        "Save what happens between teacher and students on test crops of {wildcards.benchmark}."
    shell:
        "had explain --config {params.config:q} --benchmark {wildcards.benchmark} --output {params.folder:q} > {log:q} 2>&1"


rule films:
    input:
        data=lambda wildcards: prepared(wildcards.benchmark, "test"),
        curves=lambda wildcards: per_run(wildcards.benchmark, "metrics/{benchmark}/{run}/seed{seed}/curves.npz"),
    output:
        names="<results>/videos/{benchmark}/films.txt",
    log:
        "<logs>/films/{benchmark}.log",
    benchmark:
        "<logs>/films/{benchmark}.tsv"
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=60,
    params:
        config=CONFIGURATION,
        digest=figure_digest,
    message:
        "Film the sequences of {wildcards.benchmark} that decide between two runs."
    shell:
        "had films --config {params.config:q} --benchmark {wildcards.benchmark} --output {output.names:q} > {log:q} 2>&1"


rule track_starts:
    input:
        data=lambda wildcards: prepared(wildcards.benchmark, "test"),
        model="<results>/checkpoints/{benchmark}/{run}/seed{seed}/model.safetensors",
    output:
        summary="<results>/starts/{benchmark}/{run}/seed{seed}/summary.json",
    log:
        "<logs>/starts/{benchmark}_{run}_seed{seed}.log",
    benchmark:
        "<logs>/starts/{benchmark}_{run}_seed{seed}.tsv"
    wildcard_constraints:
        run=one_of([*TEACHERS, *STUDENTS]),
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=1200,
        gpu=graphics_cards,
    params:
        config=CONFIGURATION,
        prepared=lambda wildcards, input: Path(input.data[0]).parents[1],
        folder=lambda wildcards, output: Path(output.summary).parent,
        digest=starts_digest,
    message:
        "Track {wildcards.benchmark} with {wildcards.run}, seed {wildcards.seed}, from every jittered first box."
    shell:
        "had track-starts --config {params.config:q} --benchmark {wildcards.benchmark} --run {wildcards.run}"
        " --seed {wildcards.seed} --data {params.prepared:q} --split test --checkpoint {input.model:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule track_starts_control:
    input:
        data=lambda wildcards: prepared(wildcards.benchmark, "test"),
    output:
        summary="<results>/starts/{benchmark}/{run}/seed{seed}/summary.json",
    log:
        "<logs>/starts/{benchmark}_{run}_seed{seed}.log",
    benchmark:
        "<logs>/starts/{benchmark}_{run}_seed{seed}.tsv"
    wildcard_constraints:
        run=one_of(CONTROLS),
        seed="0",
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=1200,
    params:
        config=CONFIGURATION,
        prepared=lambda wildcards, input: Path(input.data[0]).parents[1],
        folder=lambda wildcards, output: Path(output.summary).parent,
        digest=starts_digest,
    message:
        "Track {wildcards.benchmark} with the control {wildcards.run} from every jittered first box."
    shell:
        "had track-starts --config {params.config:q} --benchmark {wildcards.benchmark} --run {wildcards.run}"
        " --seed {wildcards.seed} --data {params.prepared:q} --split test --output {params.folder:q} > {log:q} 2>&1"


rule robustness:
    input:
        names=lambda wildcards: split_list(wildcards.benchmark, "test"),
        tracks="<results>/starts/{benchmark}/{run}/seed{seed}/summary.json",
    output:
        scores="<results>/metrics/{benchmark}/{run}/seed{seed}/starts.csv",
    log:
        "<logs>/robustness/{benchmark}_{run}_seed{seed}.log",
    benchmark:
        "<logs>/robustness/{benchmark}_{run}_seed{seed}.tsv"
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        config=CONFIGURATION,
        root=lambda wildcards: recordings(wildcards.benchmark).as_posix(),
        tracks=lambda wildcards, input: Path(input.tracks).parent,
    message:
        "Score {wildcards.run} on {wildcards.benchmark}, seed {wildcards.seed}, from every jittered first box."
    shell:
        "had robustness --config {params.config:q} --benchmark {wildcards.benchmark} --run {wildcards.run} --split test"
        " --annotations {params.root:q} --tracks {params.tracks:q} --output {output.scores:q} > {log:q} 2>&1"
