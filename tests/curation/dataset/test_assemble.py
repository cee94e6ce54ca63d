# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A dataset of finished videos: no frame lost or doubled, images as they were, the same bytes in any order."""

import hashlib
import io
import json
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from curation.dataset.part_builder import build_part, build_parts, jpeg
from PIL import Image

from zen_hf.curation.dataset import assemble as assembly
from zen_hf.curation.dataset import shards
from zen_hf.curation.dataset.assemble import AssemblySettings, assemble
from zen_hf.curation.dataset.manifest import verify
from zen_hf.curation.dataset.sampling_weights import WeightSettings
from zen_hf.curation.dataset.shards import ShardSettings
from zen_hf.curation.dataset.splits import SplitSettings
from zen_hf.curation.frame_row import SIGNALS
from zen_hf.data.frame_sources import FrameSource, load_frames

DROPPED = {"v01": {0, 21}, "v04": {3, 6, 9}}


def small(**sizes) -> AssemblySettings:
    return AssemblySettings(
        splits=SplitSettings(validation=0.2),
        shards=ShardSettings(**{"world": 2, "workers": 2, "shard_rows": 4, "row_group_rows": 5} | sizes),
        weights=WeightSettings(clusters=3),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Parts, and the dataset of them."""
    root = tmp_path_factory.mktemp("made")
    parts = build_parts(root / "parts")
    output = root / "frames"
    content = assemble(output, parts, small(), DROPPED, {"fps": 1.0}, {"av": "18.1"})
    return parts, output, content


def hashes(root: Path) -> dict[str, str]:
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows_of(output: Path, pattern: str = "*.parquet") -> list[dict]:
    return [row for file in sorted((output / "data").glob(pattern)) for row in pq.ParquetFile(file).read().to_pylist()]


def test_no_frame_is_lost_or_doubled_and_images_are_as_they_were(made):
    parts, output, _ = made
    expected = {}
    for part in parts:
        for file in part.kept_files:
            for row in pq.ParquetFile(file).read().to_pylist():
                if row["frame_index"] not in DROPPED.get(row["video_id"], ()):
                    expected[row["video_id"], row["frame_index"]] = row
    rows = rows_of(output)
    found = {(row["video_id"], row["frame_index"]): row for row in rows}
    assert len(found) == len(rows) and set(found) == set(expected)
    for key, row in expected.items():
        same = [name for name in row if name != "embedding"]
        assert {name: found[key][name] for name in same} == {name: row[name] for name in same}
    assert "embedding" not in rows[0]


def test_rejected_frames_have_reasons_and_no_pixels(made):
    parts, output, _ = made
    table = pq.ParquetFile(output / "rejected.parquet").read()
    assert "image" not in table.column_names
    reasons = Counter(zip(table["video_id"].to_pylist(), table["reason"].to_pylist(), strict=True))
    expected = Counter()
    for part in parts:
        expected.update({(part.record.video_id, reason): count for reason, count in part.record.rejected.items()})
        if part.record.video_id in DROPPED:
            expected[part.record.video_id, "near_duplicate_of_other_video"] = len(DROPPED[part.record.video_id])
    assert reasons == expected
    places = list(zip(table["video_id"].to_pylist(), table["frame_index"].to_pylist(), strict=True))
    assert places == sorted(places)
    dropped = table.filter(np.array([r == "near_duplicate_of_other_video" for r in table["reason"].to_pylist()]))
    kept = {
        (row["video_id"], row["frame_index"]): row
        for part in parts
        for f in part.kept_files
        for row in pq.ParquetFile(f).read(columns=["video_id", "frame_index", "sharpness"]).to_pylist()
    }
    for row in zip(*(dropped[name].to_pylist() for name in ("video_id", "frame_index", "sharpness")), strict=True):
        assert kept[row[:2]]["sharpness"] == row[2]


def test_splits_share_no_patient(made):
    _, output, content = made
    of_split = {split: {row["patient_id"] for row in rows_of(output, f"{split}-*")} for split in content["splits"]}
    assert set(of_split) == {"train", "validation"} and not of_split["train"] & of_split["validation"]
    for split, found in of_split.items():
        assert sorted(found) == content["splits"][split]["patients"]


def test_files_are_equal_and_as_many_as_readers(made):
    _, output, content = made
    for split in content["splits"]:
        for source in ("north", "south"):
            files = sorted((output / "data").glob(f"{split}-{source}-*.parquet"))
            sizes = [pq.ParquetFile(file).metadata.num_rows for file in files]
            assert max(sizes) - min(sizes) <= 1 and len(files) == min(4, max(1, sum(sizes) // 4))
            assert [file.name for file in files] == [
                f"{split}-{source}-{number:05d}-of-{len(files):05d}.parquet" for number in range(len(files))
            ]
            for file in files:
                metadata = pq.ParquetFile(file).metadata
                groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
                assert max(groups) <= 5 and all(size == 5 for size in groups[:-1])
    rows = rows_of(output, "train-north-*")
    videos = [row["video_id"] for row in rows]
    assert len([v for v, before in zip(videos, [None, *videos], strict=False) if v != before]) == len(set(videos))
    assert [(r["video_id"], r["time_s"]) for r in rows] == sorted((r["video_id"], r["time_s"]) for r in rows)


def test_the_same_bytes_in_any_order_of_parts(made, tmp_path):
    parts, output, _ = made
    assemble(tmp_path / "again", parts[::-1], small(), DROPPED, {"fps": 1.0}, {"av": "18.1"})
    assert hashes(tmp_path / "again") == hashes(output)


@pytest.mark.parametrize("streaming", [True, False])
def test_datasets_finds_the_splits_and_decodes_the_images(made, streaming, tmp_path):
    _, output, content = made
    for split in ("train", "validation"):
        frames = datasets.load_dataset(str(output), split=split, streaming=streaming, cache_dir=str(tmp_path))
        rows = list(frames)
        assert len(rows) == content["splits"][split]["frames"]
        assert rows[0]["image"].size == (64, 48) and isinstance(frames.features["image"], datasets.Image)
        assert {"procedure_weight", "cluster_weight", "cluster", "border_circle", *SIGNALS} <= set(rows[0])
    files = str(output / "data" / "train-*.parquet")
    plain = datasets.load_dataset(
        "parquet", data_files=files, split="train", streaming=streaming, cache_dir=str(tmp_path)
    )
    assert next(iter(plain))["image"].size == (64, 48)


def test_datasets_never_shows_an_older_dataset_of_the_same_name(tmp_path):
    """It caches local folders by their name and their configuration's alone."""
    parts = [build_part(tmp_path / "parts", name, 6 + len(name)) for name in ("a", "bb", "ccc")]
    for folder, chosen in (("one", parts[:1]), ("two", parts[1:2]), ("one", parts[2:])):
        assemble(tmp_path / folder / "frames", chosen, small())
        path, cache = str(tmp_path / folder / "frames"), str(tmp_path / "cache")
        assert len(datasets.load_dataset(path, split="train", cache_dir=cache)) == chosen[0].record.kept


@pytest.mark.parametrize("streaming", [True, False])
def test_training_reads_a_split_by_the_card(made, streaming):
    _, output, content = made
    for split in ("train", "validation"):
        source = FrameSource(path=str(output), split=split, procedure_column="procedure", streaming=streaming)
        frames, skipped = load_frames([source], extra=("cluster_weight",))
        assert len(frames) == content["splits"][split]["frames"] and skipped == 0
        of = {video["video_id"]: video["procedure"] for video in content["videos"]}
        assert frames["procedure"][:] == [of[video] for video in frames["video_id"][:]]
        assert set(frames["video_id"][:]) == set(content["splits"][split]["videos"])
        with Image.open(io.BytesIO(frames[3]["image"]["bytes"])) as image:
            assert image.size == (64, 48)
        total = sum(frames["cluster_weight"][:])
        assert total == pytest.approx(len(frames) if split == "train" else 0, rel=1e-5)


def test_the_manifest_counts_and_names_every_file(made):
    parts, output, content = made
    assert json.loads((output / "manifest.json").read_text()) == content
    assert set(content["files"]) == set(hashes(output)) - {"manifest.json"}
    assert {video["sha256"] for video in content["videos"]} == {part.record.sha256 for part in parts}
    of = {video["video_id"]: video for video in content["videos"]}
    assert of["v99"]["failed"] == "no video stream" and of["v99"]["split"] is None
    assert of["v04"]["kept"] == 24 - 3 and of["v04"]["rejected"]["near_duplicate_of_other_video"] == 3
    totals = content["totals"]
    assert totals["kept"] + sum(totals["rejected"].values()) == totals["sampled"]
    assert content["packages"]["av"] == "18.1" and content["settings"]["fps"] == 1.0


def test_a_changed_dataset_is_found_out(made, tmp_path):
    _, output, _ = made
    assert verify(output) == []
    copy = tmp_path / "copy"
    shutil.copytree(output, copy)
    first, second = sorted((copy / "data").iterdir())[:2]
    first.unlink()
    damaged = bytearray(second.read_bytes())
    damaged[100] ^= 1
    second.write_bytes(damaged)
    (copy / "more.txt").write_text("x")
    (copy / ".gitattributes").write_text("x")
    lines = verify(copy)
    assert [line.split(":")[0] for line in lines] == [f"data/{first.name}", f"data/{second.name}", "more.txt"]
    assert "missing" in lines[0] and "changed" in lines[1] and "not in the manifest" in lines[2]


def test_the_page_and_the_card_say_what_is_in_the_dataset(made):
    parts, output, content = made
    page, card = (output / "statistics.html").read_text(), (output / "README.md").read_text()
    for text in (page, card):
        assert (
            f"{content['totals']['kept']:,}" in text
            and "hysterectomy" in text
            and "near_duplicate_of_other_video" in text
        )
    assert "http" not in page  # self-contained
    with Image.open(output / "contact_sheet.jpg") as sheet:
        assert sheet.size[0] == 8 * 198 + 6 and len(sheet.getexif()) == 0


def test_names_and_paths_stay_outside(made):
    parts, output, _ = made
    for file in output.rglob("*"):
        if file.is_file():
            assert str(parts[0].folder.parent).encode() not in file.read_bytes()


def test_lists_of_splits_are_given_without_their_path(made, tmp_path):
    parts, _, _ = made
    settings = small()
    lists = tmp_path / "Dr_Miller.json"
    lists.write_text(json.dumps({"test": ["p7", "p8"]}))
    settings.splits = SplitSettings(lists=str(lists))
    content = assemble(tmp_path / "out", parts, settings, curation={"assembly": asdict(settings)})
    assert content["splits"]["test"]["videos"] == ["v07", "v08"]
    assert not any(b"Miller" in file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file())


def test_an_older_dataset_is_replaced_and_other_folders_are_not(made, tmp_path):
    parts, output, _ = made
    copy = tmp_path / "out"
    shutil.copytree(output, copy)
    (copy / "data" / "stale.parquet").write_text("x")
    partial = tmp_path / ".out.zen-partial"  # of a run that was killed
    (partial / "data").mkdir(parents=True)
    (partial / "manifest.json").touch()
    (partial / "data" / "train-stale.parquet").write_text("x")
    for name in ("out.old", "out.partial"):  # a user's own
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.md").write_text("mine")
    assemble(copy, parts, small(), DROPPED, {"fps": 1.0}, {"av": "18.1"})
    assert hashes(copy) == hashes(output)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.old", "out.partial"]
    assert [(tmp_path / name / "README.md").read_text() for name in ("out.old", "out.partial")] == ["mine", "mine"]
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "draft.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="no frame dataset"):
        assemble(tmp_path / "thesis", parts, small())
    assert (tmp_path / "thesis" / "draft.txt").read_text() == "mine"


@pytest.mark.parametrize("state", ["partial", "old"])
def test_a_folder_of_something_else_is_never_removed(made, tmp_path, state):
    parts, output, _ = made
    copy = tmp_path / "out"
    shutil.copytree(output, copy)
    foreign = tmp_path / f".out.zen-{state}"
    foreign.mkdir()
    (foreign / "draft.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=f"zen-{state} exists and is no frame dataset"):
        assemble(copy, parts, small())
    assert (foreign / "draft.txt").read_text() == "mine" and hashes(copy) == hashes(output)


@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_a_run_that_is_killed_between_renames_loses_no_dataset(made, tmp_path, monkeypatch, killed_at):
    """A kill runs no `finally`; of the older and the newer dataset, one is there at any moment, and the next run finds it."""
    parts, output, _ = made
    copy, fewer, renames = tmp_path / "out", parts[:2], []
    shutil.copytree(output, copy)
    replace = assembly.os.replace

    def killed(source, target):
        renames.append(target)
        if len(renames) >= killed_at:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as kill:
        kill.setattr(assembly.os, "replace", killed)
        kill.setattr(assembly, "discard", lambda folder: None)
        with pytest.raises(KeyboardInterrupt):
            assemble(copy, fewer, small())
    old = tmp_path / ".out.zen-old"
    assert copy.exists() == (killed_at != 2) and old.exists() == (killed_at != 1)
    if killed_at < 3:

        def full(*_):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as disk, pytest.raises(OSError, match="No space left"):
            disk.setattr(assembly, "write_contact_sheet", full)
            assemble(copy, fewer, small())
        assert hashes(copy) == hashes(output)
    assemble(copy, fewer, small())
    assemble(tmp_path / "other", fewer, small())
    assert hashes(copy) == hashes(tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out"]


def test_of_a_link_what_it_leads_to_is_replaced(made, tmp_path):
    parts, output, _ = made
    (tmp_path / "disk").mkdir()
    shutil.copytree(output, tmp_path / "disk" / "frames")
    (tmp_path / "out").symlink_to(tmp_path / "disk" / "frames")
    assemble(tmp_path / "out", parts, small(), DROPPED, {"fps": 1.0}, {"av": "18.1"})
    assert (tmp_path / "out").is_symlink() and hashes(tmp_path / "disk" / "frames") == hashes(output)
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["frames"]


def test_inputs_that_are_left_out_are_counted(tmp_path):
    parts = [build_part(tmp_path / "parts", "a", 12)]
    content = assemble(tmp_path / "out", parts, small(), left_out={"unreadable file": 2, "broken link": 1})
    assert content["left_out"] == {"unreadable file": 2, "broken link": 1}
    said = "inputs that are left out, and remarks about inputs: broken link (1), unreadable file (2)"
    assert said in content["notes"] and said in (tmp_path / "out" / "README.md").read_text()
    assert assemble(tmp_path / "none", parts, small())["left_out"] == {}


def test_a_failure_leaves_what_was_there(made, tmp_path, monkeypatch):
    parts, output, _ = made
    copy = tmp_path / "out"
    shutil.copytree(output, copy)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zen_hf.curation.dataset.assemble.write_contact_sheet", full)
    with pytest.raises(OSError, match="No space left"):
        assemble(copy, parts, small())
    assert hashes(copy) == hashes(output) and [path.name for path in tmp_path.iterdir()] == ["out"]


def test_without_an_encoder_it_is_said(tmp_path):
    parts = [build_part(tmp_path / "parts", name, 12) for name in ("a", "b")]
    content = assemble(tmp_path / "out", parts, small())
    assert any("no clusters" in note for note in content["notes"]) and "too few to hold any out" in content["notes"][0]
    rows = rows_of(tmp_path / "out")
    assert {row["cluster_weight"] for row in rows} == {None} and {row["procedure_weight"] for row in rows} == {1.0}
    assert "no encoder looked at the frames" in (tmp_path / "out" / "README.md").read_text()


def test_embeddings_stay_if_asked_for(tmp_path):
    parts = [build_part(tmp_path / "parts", name, 12, embedding=8) for name in ("a", "b")]
    assemble(tmp_path / "out", parts, small(keep_embedding=True))
    rows = list(datasets.load_dataset(str(tmp_path / "out"), split="train", streaming=True))
    expected = pq.ParquetFile(parts[0].kept_files[0]).read()["embedding"].to_pylist()
    assert [row["embedding"] for row in rows[:8]] == expected


@pytest.mark.parametrize(
    "dropped, twice, said",
    [
        ({"a": {1}}, False, "frame 1 is to be dropped, but is none of its kept frames"),
        ({"z": {0}}, False, "no such video"),
        ({}, True, "video a is there twice"),
        ({"a": {0, 3, 6}, "b": {0, 3, 6}}, False, "no frame of 2 videos is left .*6 near_duplicate_of_other_video"),
    ],
)
def test_wrong_parts_are_refused_before_anything_is_written(tmp_path, dropped, twice, said):
    parts = [build_part(tmp_path / "parts", name, 3) for name in ("a", "b")]
    with pytest.raises(ValueError, match=said):
        assemble(tmp_path / "out", parts + parts[:1] * twice, small(), dropped)
    assert [path.name for path in tmp_path.iterdir()] == ["parts"]


def test_a_part_that_lost_a_file_is_refused(tmp_path):
    part = build_part(tmp_path / "parts", "a", 20)
    part.kept_files[1].unlink()
    with pytest.raises(ValueError, match="video a: its record counts 20 kept frames, its files hold 12"):
        assemble(tmp_path / "out", [part], small())


def test_a_part_whose_rejected_frames_are_not_those_of_its_record_is_refused(tmp_path):
    part = build_part(tmp_path / "parts", "a", 20)
    table = pq.ParquetFile(part.rejected_file).read()
    pq.write_table(table.slice(1), part.rejected_file)
    with pytest.raises(ValueError, match="its record counts 5 rejected frames, rejected.parquet holds 4; remove the"):
        assemble(tmp_path / "out", [part], small())
    part.rejected_file.unlink()
    with pytest.raises(ValueError, match="holds 0; remove the folder of this part"):
        assemble(tmp_path / "out", [part], small())


def test_sources_with_strange_names_have_files_of_their_own(tmp_path):
    names = ["St. Mary's / 2", "St. Mary's _ 2", ""]
    parts = [build_part(tmp_path / "parts", f"v{number}", 8, source=name) for number, name in enumerate(names)]
    content = assemble(tmp_path / "out", parts, small())
    frames = datasets.load_dataset(str(tmp_path / "out"), streaming=True)
    assert Counter(row["source"] for split in frames.values() for row in split) == dict.fromkeys(names, 8)
    assert len([name for name in content["files"] if name.startswith("data/")]) == 6


def test_many_frames_of_any_size_take_the_same_memory(tmp_path, monkeypatch):
    """Images are 200 kB each; what Arrow holds at once is a few row groups, however many there are."""
    image = jpeg(0, np.random.default_rng(0))
    parts = [build_part(tmp_path / "parts", f"v{n}", 80, image=image + bytes(200_000)) for n in range(2)]
    before, highest = pa.total_allocated_bytes(), []
    original = shards.piece_tables

    def watched(*arguments):
        for table in original(*arguments):
            highest.append(pa.total_allocated_bytes() - before)
            yield table

    monkeypatch.setattr(shards, "piece_tables", watched)
    assemble(tmp_path / "out", parts, small(world=1, workers=1, row_group_rows=10))
    assert len(highest) == 20 and max(highest) < 40 * 200_000  # of 160
    assert len(rows_of(tmp_path / "out")) == 160
