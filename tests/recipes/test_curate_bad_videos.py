"""One run of `curate` over every bad file: each has its line, the sound films lose no frame, and no name leaves the house."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from curation.bad_videos.bad_videos import make_bad_videos
from data.films import write_film

from zen_hf.curation.curation_report import line_safe
from zen_hf.engines.local import LocalEngine
from zen_hf.engines.workers import Workers
from zen_hf.recipes.curate import curate

FILTERS = ("black", "test_screen", "over_exposed", "blurred", "frozen", "outside_body")
# What is drawn for tests, short and small, is no operation to the filters.
SETTINGS = ["frames.fps=4", *(f"frames.filters.{name}=null" for name in FILTERS)]


def frames_of(output: Path) -> Counter:
    """Every kept frame: place, bytes."""
    tables = [
        pq.read_table(file, columns=["video_id", "frame_index", "image"])
        for file in sorted((output / "data").glob("*.parquet"))
    ]
    rows = pa.concat_tables(tables).to_pylist()
    return Counter((row["video_id"], row["frame_index"], row["image"]["bytes"]) for row in rows)


@pytest.mark.slow
def test_one_run_over_all_bad_videos(tmp_path):
    salt = tmp_path / "salt"
    salt.write_bytes(b"a salt for both runs")
    sound = tmp_path / "sound"
    sound.mkdir()
    for number in range(3):
        write_film(sound / f"Jane Doe {number}.mp4", numbers=range(1000 * number, 1000 * number + 75), size=(96, 128))
    shared = [f"identities.salt_file={salt}", *SETTINGS]
    alone = curate(LocalEngine(), overrides=[f"inputs.paths=[{sound}]", f"output={tmp_path / 'alone'}", *shared])
    bad = tmp_path / "Bad Videos"
    cases = make_bad_videos(bad)
    paths = f"inputs.paths=['{bad}','{sound}']"
    output = curate(LocalEngine(), overrides=[paths, f"output={tmp_path / 'all'}", *shared], workers=Workers(2))

    expected, found = frames_of(alone), frames_of(output)
    assert expected and not expected - found and max(found.values()) == 1
    report = (tmp_path / "all.private" / "report.txt").read_text(encoding="utf-8")
    for case in cases:
        path = bad / case.name
        hidden = path.name.startswith(".")
        assert hidden or any(line.startswith(line_safe(str(path))) for line in report.splitlines()), case.name
    assert not leaks(output, ["Jane Doe", "Bad Videos", "lines.mp4", "case.mp4", str(tmp_path)])


def leaks(output: Path, words: list[str]) -> list[str]:
    """Files below a folder with one of the words in their name, their bytes or, unpacked, their table."""
    found = []
    for file in sorted(output.rglob("*")):
        content = str(file.relative_to(output)).encode() + (file.read_bytes() if file.is_file() else b"")
        if file.suffix == ".parquet":
            table = pq.read_table(file)
            content += str(table.schema).encode() + str(table.to_pylist()).encode("utf-8", "surrogateescape")
        found += [f"{file.name}: {word}" for word in words if os.fsencode(word) in content]
    return found


def test_no_name_leaves_the_house(tmp_path):
    folder = tmp_path / "Ward 7"
    folder.mkdir()
    secrets = {"title": "Title Jane", "artist": "Dr Artist", "comment": "Comment Jane", "date": "1999-05-03"}
    secrets["creation_time"] = "1999-05-03T10:11:12.000000Z"
    for suffix in (".mp4", ".mkv", ".avi"):
        codec = "mpeg4" if suffix == ".avi" else "h264"
        write_film(folder / f"Doe_Jane_1950{suffix}", frames=75, gop=6 + len(codec), codec=codec, metadata=secrets)
    (folder / "broken Jane.mp4").write_bytes(b"Jane" * 100)
    table = tmp_path / "theatre list.csv"
    rows = [f"{folder}/Doe_Jane_1950.{ending},Patient Jane,Nordklinik" for ending in ("mp4", "mkv", "avi")]
    table.write_text("\n".join(["video,patient,hospital", *rows]))
    paths = f"inputs.paths=['{table}','{folder}']"
    output = curate(
        LocalEngine(), overrides=[paths, f"output={tmp_path / 'out'}", "inputs.procedure=colectomy", *SETTINGS]
    )
    assert sum(frames_of(output).values())
    words = [*secrets.values(), "Jane", "Doe", "Ward 7", "Nordklinik", "theatre list", str(tmp_path)]
    assert not leaks(output, words)
    assert leaks(tmp_path / "out.private", ["Nordklinik", "Patient Jane"])  # the search finds what is there


LIMITED = """
import resource, sys
from zen_hf.engines.local import LocalEngine
from zen_hf.engines.workers import Workers
from zen_hf.recipes.curate import curate

limit, *overrides = sys.argv[1:]
if int(limit):  # a write beyond it fails as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    curate(LocalEngine(), overrides=overrides)
except (OSError, RuntimeError) as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["part", "shard"])
def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(tmp_path, where):
    films = tmp_path / "films"
    films.mkdir()
    for number in range(3):
        write_film(films / f"{number}.mp4", numbers=range(1000 * number, 1000 * number + 75))
    (tmp_path / "salt").write_bytes(b"a salt for both runs")

    def run(name: str, limit: int) -> subprocess.CompletedProcess:
        overrides = [
            f"inputs.paths=[{films}]",
            f"output={tmp_path / name}",
            f"identities.salt_file={tmp_path / 'salt'}",
        ]
        command = [sys.executable, "-c", LIMITED, str(limit), *overrides, *SETTINGS]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    assert run("whole", 0).returncode == 0
    parts = [file.stat().st_size for file in (tmp_path / "whole.private").rglob("kept-*.parquet")]
    shards = [file.stat().st_size for file in (tmp_path / "whole" / "data").glob("*.parquet")]
    assert max(parts) + 1000 < max(shards)
    failed = run("full", min(parts) // 2 if where == "part" else max(parts) + 1000)
    assert failed.returncode == 1 and "File too large" in failed.stderr, failed.stderr
    assert not list((tmp_path / "full").rglob("*.parquet")), "a dataset that is not whole"
    assert run("full", 0).returncode == 0
    for file in (tmp_path / "whole").rglob("*"):
        if file.is_file():
            assert (tmp_path / "full" / file.relative_to(tmp_path / "whole")).read_bytes() == file.read_bytes(), file
