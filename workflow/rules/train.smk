# One job = one network: a benchmark, a run and a seed. A killed job goes on from its last epoch.


rule database:
    output:
        marker="<results>/logs/database.txt",
    log:
        "<logs>/database.log",
    priority: 30
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        config=CONFIGURATION,
    message:
        "Create the MLflow database, once, before jobs write to it side by side."
    shell:
        "had database --config {params.config:q} --output {output.marker:q} > {log:q} 2>&1"


rule train_teacher:
    input:
        data=lambda wildcards: prepared(wildcards.benchmark, "train", "val"),
        initial=initial_weights_of,
        database=ancient("<results>/logs/database.txt"),
    output:
        model="<results>/checkpoints/{benchmark}/{run}/seed{seed}/model.safetensors",
        history="<results>/checkpoints/{benchmark}/{run}/seed{seed}/history.csv",
        summary="<results>/checkpoints/{benchmark}/{run}/seed{seed}/summary.json",
    log:
        "<logs>/train/{benchmark}_{run}_seed{seed}.log",
    benchmark:
        "<logs>/train/{benchmark}_{run}_seed{seed}.tsv"
    wildcard_constraints:
        run=one_of(TEACHERS),
    priority: 30
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=120,
        gpu=graphics_cards,
    params:
        config=CONFIGURATION,
        prepared=lambda wildcards, input: Path(input.data[0]).parents[1],
        folder=lambda wildcards, output: Path(output.model).parent,
        digest=training_digest,
    message:
        "Train the teacher {wildcards.run} on {wildcards.benchmark}, seed {wildcards.seed}."
    shell:
        "had train --config {params.config:q} --benchmark {wildcards.benchmark} --run {wildcards.run}"
        " --seed {wildcards.seed} --data {params.prepared:q} --output {params.folder:q} > {log:q} 2>&1"


rule pseudo_label:
    input:
        data=lambda wildcards: prepared(wildcards.benchmark, "train"),
        model="<results>/checkpoints/{benchmark}/teacher/seed{seed}/model.safetensors",
    output:
        summary="<results>/pseudo_labels/{benchmark}/seed{seed}/summary.json",
    log:
        "<logs>/pseudo_label/{benchmark}_seed{seed}.log",
    benchmark:
        "<logs>/pseudo_label/{benchmark}_seed{seed}.tsv"
    priority: 25
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=120,
        gpu=graphics_cards,
    params:
        config=CONFIGURATION,
        prepared=lambda wildcards, input: Path(input.data[0]).parents[1],
        folder=lambda wildcards, output: Path(output.summary).parent,
        digest=pseudo_labels_digest,
    message:
        "Follow the targets of {wildcards.benchmark}'s training sequences with the teacher of seed {wildcards.seed}."
    shell:
        "had track --config {params.config:q} --benchmark {wildcards.benchmark} --run teacher"
        " --seed {wildcards.seed} --data {params.prepared:q} --split train --checkpoint {input.model:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule teach:
    input:
        data=lambda wildcards: prepared(wildcards.benchmark, "train"),
        teacher=teacher_weights,
        tracks=lambda wildcards: pseudo_labels(wildcards, run_of_lessons(wildcards)),
    output:
        index="<results>/lessons/{benchmark}/seed{seed}/{lessons}/index.json",
    log:
        "<logs>/teach/{benchmark}_seed{seed}_{lessons}.log",
    benchmark:
        "<logs>/teach/{benchmark}_seed{seed}_{lessons}.tsv"
    priority: 25
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=120,
        gpu=graphics_cards,
    params:
        config=CONFIGURATION,
        prepared=lambda wildcards, input: Path(input.data[0]).parents[1],
        # Any of the runs that share the lessons. That it takes `output` keeps it from what repeats the job.
        run=lambda wildcards, output: run_of_lessons(wildcards),
        tracks=lambda wildcards, input: option_of_folder("tracks", input.tracks),
        folder=lambda wildcards, output: Path(output.index).parent,
    message:
        "Keep what the teacher says about the training crops of {wildcards.benchmark}, seed {wildcards.seed}."
    shell:
        "had teach --config {params.config:q} --benchmark {wildcards.benchmark} --run {params.run}"
        " --seed {wildcards.seed} --data {params.prepared:q} --teacher {input.teacher:q} {params.tracks}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule distill:
    input:
        data=lambda wildcards: prepared(wildcards.benchmark, "train", "val"),
        teacher=teacher_of,
        lessons=lessons_of,
        tracks=lambda wildcards: pseudo_labels(wildcards, wildcards.run),
        initial=initial_weights_of,
        database=ancient("<results>/logs/database.txt"),
    output:
        model="<results>/checkpoints/{benchmark}/{run}/seed{seed}/model.safetensors",
        history="<results>/checkpoints/{benchmark}/{run}/seed{seed}/history.csv",
        summary="<results>/checkpoints/{benchmark}/{run}/seed{seed}/summary.json",
    log:
        "<logs>/train/{benchmark}_{run}_seed{seed}.log",
    benchmark:
        "<logs>/train/{benchmark}_{run}_seed{seed}.tsv"
    wildcard_constraints:
        run=one_of(STUDENTS),
    priority: 10
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        runtime=120,
        gpu=graphics_cards,
    params:
        config=CONFIGURATION,
        prepared=lambda wildcards, input: Path(input.data[0]).parents[1],
        teacher=lambda wildcards, input: (f"--teacher {quote(str(input.teacher))}" if input.teacher else ""),
        lessons=lambda wildcards, input: option_of_folder("lessons", input.lessons),
        tracks=lambda wildcards, input: option_of_folder("tracks", input.tracks),
        folder=lambda wildcards, output: Path(output.model).parent,
        digest=training_digest,
    message:
        "Train the student {wildcards.run} on {wildcards.benchmark}, seed {wildcards.seed}."
    shell:
        "had train --config {params.config:q} --benchmark {wildcards.benchmark} --run {wildcards.run}"
        " --seed {wildcards.seed} --data {params.prepared:q} {params.teacher} {params.lessons} {params.tracks}"
        " --output {params.folder:q} > {log:q} 2>&1"
