# Follow the target through every test sequence: networks and the controls that learn nothing.


rule track:
    input:
        data=lambda wildcards: prepared(wildcards.benchmark, "test"),
        model="<results>/checkpoints/{benchmark}/{run}/seed{seed}/model.safetensors",
    output:
        summary="<results>/tracks/{benchmark}/{run}/seed{seed}/summary.json",
    log:
        "<logs>/track/{benchmark}_{run}_seed{seed}.log",
    benchmark:
        "<logs>/track/{benchmark}_{run}_seed{seed}.tsv"
    wildcard_constraints:
        run=one_of([*TEACHERS, *STUDENTS]),
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
        gpu=graphics_cards,
    params:
        config=CONFIGURATION,
        prepared=lambda wildcards, input: Path(input.data[0]).parents[1],
        folder=lambda wildcards, output: Path(output.summary).parent,
        digest=tracking_digest,
    message:
        "Track the test sequences of {wildcards.benchmark} with {wildcards.run}, seed {wildcards.seed}."
    shell:
        "had track --config {params.config:q} --benchmark {wildcards.benchmark} --run {wildcards.run}"
        " --seed {wildcards.seed} --data {params.prepared:q} --split test --checkpoint {input.model:q}"
        " --output {params.folder:q} > {log:q} 2>&1"


rule track_control:
    input:
        data=lambda wildcards: prepared(wildcards.benchmark, "test"),
    output:
        summary="<results>/tracks/{benchmark}/{run}/seed{seed}/summary.json",
    log:
        "<logs>/track/{benchmark}_{run}_seed{seed}.log",
    benchmark:
        "<logs>/track/{benchmark}_{run}_seed{seed}.tsv"
    wildcard_constraints:
        run=one_of(CONTROLS),
        seed="0",
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=120,
    params:
        config=CONFIGURATION,
        prepared=lambda wildcards, input: Path(input.data[0]).parents[1],
        folder=lambda wildcards, output: Path(output.summary).parent,
    message:
        "Track the test sequences of {wildcards.benchmark} with the control {wildcards.run}."
    shell:
        "had track --config {params.config:q} --benchmark {wildcards.benchmark} --run {wildcards.run}"
        " --seed {wildcards.seed} --data {params.prepared:q} --split test --output {params.folder:q} > {log:q} 2>&1"


rule profile:
    input:
        models=lambda wildcards: per_network(
            wildcards.benchmark,
            "checkpoints/{benchmark}/{run}/seed{seed}/model.safetensors",
        ),
    output:
        profile="<results>/metrics/{benchmark}/profile.csv",
    log:
        "<logs>/profile/{benchmark}.log",
    benchmark:
        "<logs>/profile/{benchmark}.tsv"
    conda:
        "../envs/had.yaml"
    # All cores for one thread, so that nothing else runs beside what is timed.
    threads: workflow.resource_settings.cores or 1
    resources:
        mem_mb=3000,
        runtime=60,
        gpu=graphics_cards,
    params:
        config=CONFIGURATION,
        digest=profile_digest,
    message:
        "Count parameters and operations of all networks of {wildcards.benchmark}, and time them in turn."
    shell:
        "had profile --config {params.config:q} --benchmark {wildcards.benchmark} --output {output.profile:q} > {log:q} 2>&1"
