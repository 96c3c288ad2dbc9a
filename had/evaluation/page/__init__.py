"""The interactive page: all scores, curves, boxes and some frames of an experiment in one HTML file."""
