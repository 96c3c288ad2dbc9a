"""The paper's figures, one file a family: ``draw(experiment, benchmark, kind)`` reads results and returns a figure."""
