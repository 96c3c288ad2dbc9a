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


rule teach:
    input:
        data=lambda wildcards: prepared(wildcards.benchmark, "train"),
        teacher=teacher_weights,
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
        folder=lambda wildcards, output: Path(output.index).parent,
    message:
        "Keep what the teacher says about the training crops of {wildcards.benchmark}, seed {wildcards.seed}."
    shell:
        "had teach --config {params.config:q} --benchmark {wildcards.benchmark} --run {params.run}"
        " --seed {wildcards.seed} --data {params.prepared:q} --teacher {input.teacher:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule distill:
    input:
        data=lambda wildcards: prepared(wildcards.benchmark, "train", "val"),
        teacher=teacher_of,
        lessons=lessons_of,
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
        lessons=lambda wildcards, input: (
            f"--lessons {quote(str(Path(str(input.lessons)).parent))}" if input.lessons else ""
        ),
        folder=lambda wildcards, output: Path(output.model).parent,
        digest=training_digest,
    message:
        "Train the student {wildcards.run} on {wildcards.benchmark}, seed {wildcards.seed}."
    shell:
        "had train --config {params.config:q} --benchmark {wildcards.benchmark} --run {wildcards.run}"
        " --seed {wildcards.seed} --data {params.prepared:q} {params.teacher} {params.lessons}"
        " --output {params.folder:q} > {log:q} 2>&1"
