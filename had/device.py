"""Where tensors live and how many threads work on them, chosen once at the start of a job."""

from __future__ import annotations

import os

from had.errors import ConfigError


def choose_device(name: str) -> str:
    """``auto`` becomes ``cuda`` where there is one, else ``cpu``; anything else must exist.

    Raises:
        ConfigError: a CUDA device that is not there, or another name.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if name == "cpu":
        return name
    if kind == "cuda" and torch.cuda.is_available() and (not index or int(index) < torch.cuda.device_count()):
        return name
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    raise ConfigError("device auto, cpu, cuda or cuda:N", f"{name!r} with {count} CUDA devices", "correct `device`")


def prepare_machine() -> None:
    """Use OMP_NUM_THREADS threads where it is set, and only algorithms that repeat bit for bit.

    Results repeat on one machine with the same number of threads; another number sums in another order.
    """
    import cv2
    import torch

    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit() and int(threads) > 0:
        torch.set_num_threads(int(threads))
    cv2.setNumThreads(torch.get_num_threads())
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # The same as use_deterministic_algorithms(True), which also imports torch's compiler: 4 s a job.
    torch.set_deterministic_debug_mode("error")
    # Else every new tensor is filled first, for the sake of code that reads what it has not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
