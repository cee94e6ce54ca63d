# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up while `zen-hf extract` writes: one line, nothing half-written, and the same command goes on."""

import os
import subprocess
import sys

import pytest
from data.films import write_film
from extraction_parts import write_vit

# Every command is given in one process, as starting one takes seconds. A write beyond the limit fails as on a full disk.
COMMANDS = """
import gc, resource, shutil, sys
from dataclasses import replace
from pathlib import Path
from zen_hf.cli import main
from zen_hf.engines import workers
from zen_hf.engines.local import LocalEngine
from zen_hf.extraction import feature_settings

class SeveralEncoders(LocalEngine):
    def run(self, items, stages):
        return super().run(items, [stages[0], replace(stages[1], workers=2)])

def command(out, limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
    sys.argv = ["zen-hf", "extract", *arguments, "--out", out]
    try:
        code = main()
    except SystemExit as end:  # of a command that came to its end
        code = end.code or 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    print(f"limit {limit}: exit code {code}", file=sys.stderr, flush=True)
    gc.collect()  # closes the record of the run, as the end of a process does
    if limit > 0 and Path(out).exists():
        shutil.copytree(out, f"{out}-{limit}")

if __name__ == "__main__":
    engine, out, limits, *arguments = sys.argv[1:]
    feature_settings.CHUNK_FRAMES = 4
    if engine == "several":
        workers.engine_named = lambda name, address: SeveralEncoders()
    for limit in (*map(int, limits.split(",")), -1):
        command(out, limit)
    command(out + "-whole", -1)
"""
RECORD, CHUNK, FILM = 200, 3000, 8000  # bytes: environment.json is larger; a chunk of 4 frames; the file of 10
ADVICE = "; make room, and start the same command again"


@pytest.mark.slow
@pytest.mark.parametrize("engine, limits", [("one", (RECORD, CHUNK, FILM)), ("several", (CHUNK,))])
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(tmp_path, engine, limits):
    """With several encoders, each writes its chunks from a process of its own."""
    write_film(tmp_path / "a.mp4", frames=40, fps=4, size=(64, 96))
    (tmp_path / "commands.py").write_text(COMMANDS)
    out = tmp_path / "out"
    arguments = ["--model", write_vit(tmp_path / "vit"), "--videos", tmp_path / "a.mp4"]
    arguments += ["--batch-size", "4", "--features", "patches", "--gpus", "0"]
    line = [sys.executable, tmp_path / "commands.py", engine, out, ",".join(map(str, limits)), *arguments]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ran = subprocess.run(list(map(str, line)), env=environment, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0 and "Traceback" not in ran.stderr, ran.stderr

    told = [words for words in ran.stderr.splitlines() if words.startswith(("error: ", "limit "))]
    assert told[-2:] == ["limit -1: exit code 0"] * 2, told
    for limit, error, code in zip(limits, told[:-2:2], told[1:-2:2], strict=True):
        assert code == f"limit {limit}: exit code 1" and error.endswith(ADVICE) and "File too large" in error
        place = {RECORD: "", CHUNK: "/chunks/", FILM: "/features/a.safetensors: cannot be written"}[limit]
        assert error.startswith(f"error: {out}{place}")
        left = [path for path in (tmp_path / f"out-{limit}").rglob("*") if path.is_file()]
        written = [path for path in left if path.suffix == ".safetensors"]
        assert [path.parent.parent.name for path in written] == ["chunks"] * (3 if limit == FILM else 0), written
        assert left or limit == RECORD
    for name in ("features/a.safetensors", "index.json"):
        assert (out / name).read_bytes() == (tmp_path / "out-whole" / name).read_bytes(), name
