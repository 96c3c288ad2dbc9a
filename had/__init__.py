"""HAD: a benchmark pipeline for Hierarchical Asymmetric Distillation in event-based tracking."""

__version__ = "0.1.0"
