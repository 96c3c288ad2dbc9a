# What a person reads: the interactive page, the executed notebooks, the runs in MLflow.


rule page:
    input:
        scores=[
            file
            for benchmark in BENCHMARKS
            for name in ("per_sequence.csv", "curves.npz")
            for file in per_run(benchmark, f"metrics/{{benchmark}}/{{run}}/seed{{seed}}/{name}")
        ],
        profiles=[file for benchmark in BENCHMARKS for file in profiles(benchmark)],
        pictures=[file for benchmark in BENCHMARKS for file in pictures(benchmark)],
        films=products("videos"),
        deciding=[file for benchmark in BENCHMARKS for file in films(benchmark)],
    output:
        page="<results>/report/index.html",
    log:
        "<logs>/page.log",
    benchmark:
        "<logs>/page.tsv"
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        config=CONFIGURATION,
        digest=page_digest,
    message:
        "Make the interactive page of all scores, curves and tracks."
    shell:
        "had page --config {params.config:q} --output {output.page:q} > {log:q} 2>&1"


rule notebook:
    input:
        notebook=lambda wildcards: os.path.relpath(REPOSITORY / "notebooks" / f"{wildcards.notebook}.ipynb"),
        products=notebook_input,
    output:
        notebook="<results>/notebooks/{notebook}.ipynb",
    log:
        "<logs>/notebook/{notebook}.log",
    benchmark:
        "<logs>/notebook/{notebook}.tsv"
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        repository=REPOSITORY,
        results=lambda wildcards, output: Path(output.notebook).parents[1],
        partial=lambda wildcards, output: Path(output.notebook).with_suffix(".part.ipynb"),
        digest=notebook_digest,
    message:
        "Execute the notebook {wildcards.notebook} on the results."
    shell:
        "PYTHONPATH={params.repository:q} papermill - {params.partial:q} -p results {params.results:q} --kernel python3"
        " < {input.notebook:q} > {log:q} 2>&1 && mv {params.partial:q} {output.notebook:q}"


rule mlflow:
    input:
        database="<results>/logs/database.txt",
        scores=lambda wildcards: per_run(
            wildcards.benchmark,
            "metrics/{benchmark}/{run}/seed{seed}/per_sequence.csv",
        ),
        profile=lambda wildcards: profiles(wildcards.benchmark),
        products=lambda wildcards: [
            file for file in products("tables", "figures") if Path(file).stem.endswith(f"_{wildcards.benchmark}")
        ],
    output:
        marker="<logs>/mlflow_{benchmark}.txt",
    log:
        "<logs>/mlflow_{benchmark}.log",
    benchmark:
        "<logs>/mlflow_{benchmark}.tsv"
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        config=CONFIGURATION,
    message:
        "Log scores, tables and figures of {wildcards.benchmark} to MLflow."
    shell:
        "had log --config {params.config:q} --benchmark {wildcards.benchmark} --output {output.marker:q} > {log:q} 2>&1"
