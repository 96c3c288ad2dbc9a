# Plain `snakemake` looks here; the workflow itself is in workflow/Snakefile.
include: "workflow/Snakefile"


# An included file cannot set the default target.
rule default:
    default_target: True
    input:
        rules.all.input,
    message:
        "Everything is up to date."
