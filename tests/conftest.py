# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What every test needs: no network, private caches, few threads, and the folders of real data where they exist."""

import os
import tempfile
from pathlib import Path

# Hugging Face libraries read these while they are imported, so they are set before anything else.
CACHE = tempfile.TemporaryDirectory(prefix="zen-tests-")
os.environ["HF_HUB_OFFLINE"] = "1"  # without it, a missing repository id is retried for about 50 s
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_HOME"] = os.path.join(CACHE.name, "home")
os.environ["HF_MODULES_CACHE"] = os.path.join(CACHE.name, "modules")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Tiny tensors: waking a second thread costs more than it gives, and sums stay in one order.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import pytest  # noqa: E402

pytest_plugins = ["tiny_teachers"]  # fixtures that the tests of several rooms share

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_sessionfinish():
    """Remove the private caches."""
    CACHE.cleanup()


@pytest.fixture(autouse=True, scope="session")
def _no_sleep_at_the_end_of_a_stream():
    """Spare the 5 s that `datasets` waits whenever a Parquet stream ends (arrow's threads), once it is imported."""
    import datasets

    datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN = 0


def folder_beside_the_checkout(name: str) -> Path:
    """Return `../shared/<name>`, or skip the test and say why."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs real data: no folder ../shared/{name} beside the checkout")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real surgical frames (never part of the project)."""
    return folder_beside_the_checkout("data")


@pytest.fixture(scope="session")
def shared_teachers() -> Path:
    """Folder of real pretrained teachers (never part of the project)."""
    return folder_beside_the_checkout("teachers")
