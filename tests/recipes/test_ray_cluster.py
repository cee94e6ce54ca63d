# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""`zen-hf curate` and `zen-hf extract` on a Ray cluster of two, workers killed meanwhile: the bytes of an undisturbed run."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from data.films import read_number, write_film
from extraction_parts import write_vit
from harmed_engine import HarmedEngine
from PIL import Image
from typer.testing import CliRunner

from zen_hf.cli import app
from zen_hf.engines import workers
from zen_hf.extraction import feature_settings

FILMS, FRAMES = 4, 15
STORE = 100_000_000
FILTERS = ("black", "test_screen", "over_exposed", "blurred", "frozen", "outside_body")
PLAIN = [
    "frames.fps=5",
    "frames.image.format=png",
    "frames.duplicates.bits=-1",
    "frames.duplicates.across_bits=-1",
    "frames.overlays.find=false",
    "frames.overlays.refuse_frames=false",
    *(f"frames.filters.{name}=null" for name in FILTERS),
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of two cores each."""
    pytest.importorskip("ray", reason="needs Ray: the extra zen-hf[ray]")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        head = {"num_cpus": 2, "object_store_memory": STORE, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(num_cpus=2, object_store_memory=STORE)
        yield cluster
        cluster.shutdown()


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    for film in range(FILMS):
        numbers = range(1000 * film, 1000 * film + 5 * FRAMES)
        write_film(folder / f"film{film}.mp4", numbers=numbers, size=(96, 128))
    return folder


@pytest.fixture
def command(cluster, monkeypatch, tmp_path):
    """Runs a command by an engine, in a folder in which the cluster was not started, and returns that engine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)  # two that decode and one that encodes
    monkeypatch.setattr(feature_settings, "CHUNK_FRAMES", 4)
    named, harmed = workers.engine_named, []

    def engine_named(name, address=None):
        harmed.append(HarmedEngine(named(name, address), tmp_path / f"notes-{name}", harm=name == "ray"))
        return harmed[-1]

    def run(engine, *arguments):
        monkeypatch.setattr(workers, "engine_named", engine_named)
        place = ["--address", cluster.address] if engine == "ray" else []
        words = [*map(str, arguments), "--engine", engine, *place, "--workers", "2", "--gpus", "0"]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        return harmed[-1]

    return run


def bytes_of(folder: Path, but: tuple[str, ...] = ()) -> dict[str, bytes]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    found = {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(files)}
    return {name: content for name, content in found.items() if not name.startswith(but or "//")}


def test_curate(command, films, tmp_path):
    (tmp_path / "salt").write_bytes(b"the salt of both runs")
    own = [f"identities.salt_file={tmp_path / 'salt'}", "encoder.batch_size=4", "assembly.shards.keep_embedding=true"]
    settings = [word for one in [*PLAIN, *own, "frames.duplicates.cosine=1.1"] for word in ("--set", one)]
    settings += ["--model", write_vit(tmp_path / "vit")]
    command("local", "curate", films, "--out", "local", *settings)
    harmed = command("ray", "curate", films, "--out", "ray", *settings)
    assert harmed.killed_and_tried_again() == ["decode", "encode"]
    assert bytes_of(tmp_path / "ray") == bytes_of(tmp_path / "local")
    rows = [row for file in (tmp_path / "ray" / "data").iterdir() for row in pq.read_table(file).to_pylist()]
    assert all(np.linalg.norm(row["embedding"]) == pytest.approx(1, abs=1e-3) for row in rows)
    shown = [read_number(np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))) for row in rows]
    assert sorted(shown) == [1000 * film + 5 * frame for film in range(FILMS) for frame in range(FRAMES)]


def test_extract(command, films, tmp_path):
    vit = write_vit(tmp_path / "vit")
    arguments = ["extract", "--model", vit, "--videos", films, "--fps", "5", "--batch-size", "4"]
    command("local", *arguments, "--out", "local")
    harmed = command("ray", *arguments, "--out", "ray")
    assert harmed.killed_and_tried_again() == ["decode", "encode"]
    record = ("log.jsonl", "summary.json", "config.yaml", "environment.json")  # has times of day
    local = bytes_of(tmp_path / "local", record)
    assert {f"features/film{film}.safetensors" for film in range(FILMS)} < local.keys()
    assert bytes_of(tmp_path / "ray", record) == local
