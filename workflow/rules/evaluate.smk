# From tracks to scores, tables and figures: numpy only, no network is loaded.
# Another tracker's broken result files hide nothing of the others: `evaluate_external` writes down why it has no scores,
# what shows rows is made without it, and `all_scored`, the last job of a call, fails until they are mended.


rule evaluate:
    input:
        names=lambda wildcards: split_list(wildcards.benchmark, "test"),
        tracks=tracks_of,
    output:
        scores="<results>/metrics/{benchmark}/{run}/seed{seed}/per_sequence.csv",
        curves="<results>/metrics/{benchmark}/{run}/seed{seed}/curves.npz",
        overall="<results>/metrics/{benchmark}/{run}/seed{seed}/overall.csv",
        attributes="<results>/metrics/{benchmark}/{run}/seed{seed}/per_attribute.csv",
    log:
        "<logs>/evaluate/{benchmark}_{run}_seed{seed}.log",
    benchmark:
        "<logs>/evaluate/{benchmark}_{run}_seed{seed}.tsv"
    wildcard_constraints:
        run=one_of([*TEACHERS, *STUDENTS, *CONTROLS]),
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        split=lambda wildcards: split_folder(wildcards.benchmark, "test").as_posix(),
        tracks=track_folder,
        folder=lambda wildcards, output: Path(output.scores).parent,
        refused="",
        digest=evaluation_digest,
    message:
        "Score {wildcards.run} on {wildcards.benchmark}, seed {wildcards.seed}."
    shell:
        "had evaluate --layout {wildcards.benchmark} --annotations {params.split:q} --list {params.split:q}/list.txt"
        " --tracks {params.tracks:q} --tracker {wildcards.run} --output {params.folder:q} {params.refused}> {log:q} 2>&1"


use rule evaluate as evaluate_external with:
    output:
        scores="<results>/metrics/{benchmark}/{run}/seed{seed}/per_sequence.csv",
        curves="<results>/metrics/{benchmark}/{run}/seed{seed}/curves.npz",
        overall="<results>/metrics/{benchmark}/{run}/seed{seed}/overall.csv",
        attributes="<results>/metrics/{benchmark}/{run}/seed{seed}/per_attribute.csv",
        refused="<results>/metrics/{benchmark}/{run}/seed{seed}/refused.txt",
    wildcard_constraints:
        run=one_of(EXTERNAL),
        seed="0",
    params:
        split=lambda wildcards: split_folder(wildcards.benchmark, "test").as_posix(),
        tracks=track_folder,
        folder=lambda wildcards, output: Path(output.scores).parent,
        refused=lambda wildcards, output: f"--refused {quote(output.refused)} ",
        digest=tracks_digest,
    message:
        "Score {wildcards.run} on {wildcards.benchmark}, whose result files are in {params.tracks}."


# After all else that the call makes, because Snakemake begins nothing more once a job has failed.
rule all_scored:
    input:
        products=before_all_scored,
        refused=[f for b in BENCHMARKS for f in per_external(b, "metrics/{benchmark}/{run}/seed0/refused.txt")],
    output:
        touch("<logs>/all_scored/{targets}.txt"),
    log:
        "<logs>/all_scored/{targets}.log",
    wildcard_constraints:
        targets=rf"({one_of([*TARGETS, *ENDLESS])})(\+({one_of([*TARGETS, *ENDLESS])}))*",
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    message:
        "See that all external trackers could be scored."
    shell:
        "cat {input.refused:q} > {log:q} && test ! -s {log:q}"


rule table:
    input:
        table_input,
    output:
        csv=report(
            "<results>/tables/{table}_{benchmark}.csv",
            category="Tables",
            subcategory="{benchmark}",
            labels={"table": "{table}", "format": "CSV"},
            caption="../report/table.rst",
        ),
        markdown="<results>/tables/{table}_{benchmark}.md",
        latex="<results>/tables/{table}_{benchmark}.tex",
    log:
        "<logs>/table/{table}_{benchmark}.log",
    benchmark:
        "<logs>/table/{table}_{benchmark}.tsv"
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=CONFIGURATION,
        stem=lambda wildcards, output: Path(output.csv).with_suffix(""),
        digest=table_digest,
    message:
        "Write the table {wildcards.table} of {wildcards.benchmark}."
    shell:
        "had table {wildcards.table} --config {params.config:q} --benchmark {wildcards.benchmark}"
        " --output {params.stem:q} > {log:q} 2>&1"


rule figure:
    input:
        figure_input,
    output:
        pdf="<results>/figures/{figure}_{benchmark}.pdf",
        png=report(
            "<results>/figures/{figure}_{benchmark}.png",
            category="Figures",
            subcategory="{benchmark}",
            labels={"figure": "{figure}"},
            caption="../report/figure.rst",
        ),
    log:
        "<logs>/figure/{figure}_{benchmark}.log",
    benchmark:
        "<logs>/figure/{figure}_{benchmark}.tsv"
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        config=CONFIGURATION,
        stem=lambda wildcards, output: Path(output.pdf).with_suffix(""),
        digest=figure_digest,
    message:
        "Draw the figure {wildcards.figure} of {wildcards.benchmark}."
    shell:
        "had figure {wildcards.figure} --config {params.config:q} --benchmark {wildcards.benchmark}"
        " --output {params.stem:q} > {log:q} 2>&1"


rule video:
    input:
        lambda wildcards: per_run(wildcards.benchmark, "metrics/{benchmark}/{run}/seed{seed}/curves.npz"),
    output:
        "<results>/videos/{benchmark}.webm",
    log:
        "<logs>/video/{benchmark}.log",
    benchmark:
        "<logs>/video/{benchmark}.tsv"
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        runtime=30,
    params:
        config=CONFIGURATION,
        digest=figure_digest,
    message:
        "Film a test sequence of {wildcards.benchmark} with the tracks on it."
    shell:
        "had video --config {params.config:q} --benchmark {wildcards.benchmark} --output {output:q} > {log:q} 2>&1"


rule alias:
    input:
        lambda wildcards: f"{RESULTS}/{{folder}}/{{product}}_{ALIASES[wildcards.alias]}.{{suffix}}",
    output:
        "<results>/{folder}/{product}_{alias}.{suffix}",
    log:
        "<logs>/alias/{folder}_{product}_{alias}_{suffix}.log",
    wildcard_constraints:
        folder="tables|figures",
        product=one_of([*TABLES, *FIGURES]),
        suffix="csv|md|pdf|png",
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    message:
        "Copy {wildcards.product} under the benchmark's other name, {wildcards.alias}."
    shell:
        "cp {input:q} {output:q}.part > {log:q} 2>&1 && mv {output:q}.part {output:q}"


# Its label is its own, so that one paper can hold both.
rule alias_latex:
    input:
        lambda wildcards: f"{RESULTS}/tables/{{table}}_{ALIASES[wildcards.alias]}.tex",
    output:
        "<results>/tables/{table}_{alias}.tex",
    log:
        "<logs>/alias/tables_{table}_{alias}_tex.log",
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        name=lambda wildcards: ALIASES[wildcards.alias],
    message:
        "Copy the LaTeX table {wildcards.table} under the benchmark's other name, {wildcards.alias}."
    shell:
        "sed 's/label{{tab:{wildcards.table}_{params.name}/label{{tab:{wildcards.table}_{wildcards.alias}/' {input:q}"
        " > {output:q}.part 2> {log:q} && mv {output:q}.part {output:q}"


rule alias_video:
    input:
        lambda wildcards: f"{RESULTS}/videos/{ALIASES[wildcards.alias]}.webm",
    output:
        "<results>/videos/{alias}.webm",
    log:
        "<logs>/alias/videos_{alias}.log",
    conda:
        "../envs/had.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    message:
        "Copy the film under the benchmark's other name, {wildcards.alias}."
    shell:
        "cp {input:q} {output:q}.part > {log:q} 2>&1 && mv {output:q}.part {output:q}"
