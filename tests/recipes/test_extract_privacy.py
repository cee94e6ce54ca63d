# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which files of an extraction tell where its inputs lie: the two that say so in docs/patients.md, and no other."""

import io
from pathlib import Path

from data.films import write_film
from datasets import Dataset, Features, Image, Value
from extraction_parts import PlainEngine, write_vit
from PIL import Image as Pillow

from zen_hf.data.frame_sources import FrameSource
from zen_hf.engines.workers import Workers
from zen_hf.extraction.feature_settings import EncoderSource
from zen_hf.recipes.extract import ExtractRecipe, extract

SECRET = "St-Mary-1971-02-03"  # a folder that holds all inputs


def write_inputs(place: Path) -> None:
    """What can be read and what cannot: films of one name, a broken one, a link; pictures and curated frames."""
    for folder in ("one", "two"):
        (place / folder).mkdir(parents=True)
        write_film(place / folder / "film.mp4", frames=8, fps=4, size=(64, 96))
    (place / "one" / "broken.mp4").write_bytes(b"no film" * 100)
    (place / "one" / "link.mp4").symlink_to(place / "gone.mp4")
    for video in ("whole", "nothing"):
        (place / "pictures" / video).mkdir(parents=True)
        (place / "pictures" / video / "bad.png").write_bytes(b"no picture")
    Pillow.new("RGB", (8, 8)).save(place / "pictures" / "whole" / "good.png")
    file = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(file, "PNG")
    rows = {
        "image": [{"bytes": file.getvalue(), "path": None}, {"bytes": b"no picture", "path": None}],
        "video_id": ["curated", "curated"],
        "frame_index": [0, 25],
        "time_s": [0.0, 1.0],
    }
    columns = Features(
        {"image": Image(), "video_id": Value("string"), "frame_index": Value("int64"), "time_s": Value("float64")}
    )
    (place / "curated").mkdir()
    Dataset.from_dict(rows, features=columns).to_parquet(place / "curated" / "0.parquet")


def test_where_the_inputs_lie_stands_in_two_files_alone(tmp_path):
    place = tmp_path / SECRET
    write_inputs(place)
    vit, runs = write_vit(tmp_path / "vit"), []
    for run in ("first", "second"):
        out = tmp_path / run
        videos, frames = [str(place / name) for name in ("one", "two")], ("pictures", "curated")
        sources = [FrameSource(str(place / name)) for name in frames]
        outcomes = extract(ExtractRecipe(str(out), EncoderSource(str(vit)), videos, sources), PlainEngine(), Workers())
        assert {outcome.video: (outcome.frames, outcome.missing) for outcome in outcomes} == {
            "film": (2, 0),
            "film (number 2 of this name)": (0, 0),
            "broken": (0, 0),
            "link": (0, 0),
            "whole": (1, 1),
            "nothing": (0, 0),
            "curated": (1, 1),
        }
        files = [path for path in out.rglob("*") if path.is_file()]
        telling = {path.name for path in files if SECRET.encode() in path.read_bytes()}
        assert telling <= {"config.yaml", "environment.json"} and "config.yaml" in telling
        assert not any(SECRET in path.relative_to(out).as_posix() for path in files)
        assert b"bad.png: not a readable picture (of no known format)" in (out / "log.jsonl").read_bytes()
        runs.append((out / "index.json").read_bytes())
    assert runs[0] == runs[1]  # no address of this process's memory
