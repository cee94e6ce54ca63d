"""Frames from folders and Parquet, and what happens when one of them is broken."""

import numpy as np
import pytest
from datasets import Dataset, Features, Image, Value
from PIL import Image as PILImage

from zen_hf.data.frame_sources import FrameSource, load_frames


def write_frame(path, seed=0, size=(48, 32)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    PILImage.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    for video in ("A", "B"):
        for frame in range(3):
            write_frame(tmp_path / "frames" / video / f"{frame:03d}.jpg", seed=frame)
    return tmp_path / "frames"


def test_folder_frames_are_ordered_and_know_their_video(folder):
    frames, skipped = load_frames([FrameSource(path=str(folder))])
    assert skipped == 0
    assert frames["video_id"] == ["A"] * 3 + ["B"] * 3
    assert [row["image"]["path"][-7:] for row in frames] == ["000.jpg", "001.jpg", "002.jpg"] * 2


def test_video_id_from_the_file_name(tmp_path):
    for name in ("op1-frame-3.jpg", "op2-frame-0.jpg"):
        write_frame(tmp_path / name)
    frames, _ = load_frames([FrameSource(path=str(tmp_path), video=r"^(op\d+)-")])
    assert frames["video_id"] == ["op1", "op2"]
    with pytest.raises(ValueError, match="finds no first group"):
        load_frames([FrameSource(path=str(tmp_path), video=r"^(VID\d+)")])


def test_a_text_file_among_frames_is_an_error_unless_skipping_is_asked_for(folder):
    (folder / "A" / "notes.txt").write_text("patient was cold")
    with pytest.raises(ValueError, match=r"1 of 7 frames unreadable \(first: .*notes.txt: not an image\)"):
        load_frames([FrameSource(path=str(folder))])
    frames, skipped = load_frames([FrameSource(path=str(folder), on_error="skip")])
    assert (len(frames), skipped) == (6, 1)
    frames, skipped = load_frames([FrameSource(path=str(folder), files="**/*.jpg")])
    assert (len(frames), skipped) == (6, 0)


def test_a_truncated_image_and_a_missing_file_are_found_before_training(folder):
    truncated = folder / "B" / "001.jpg"
    truncated.write_bytes(truncated.read_bytes()[:-200])
    (folder / "B" / "003.jpg").symlink_to(folder / "gone.jpg")
    with pytest.raises(ValueError, match=r"2 of 7 frames unreadable \(first: .*001.jpg"):
        load_frames([FrameSource(path=str(folder))])
    frames, skipped = load_frames([FrameSource(path=str(folder), on_error="skip")])
    assert (len(frames), skipped) == (5, 2)


def test_parquet_with_its_own_column_names(folder, tmp_path):
    images = [{"bytes": path.read_bytes(), "path": None} for path in sorted(folder.rglob("*.jpg"))]
    features = Features({"frame": Image(), "case": Value("string")})
    table = Dataset.from_dict({"frame": images, "case": ["x"] * 2 + ["y"] * 4}, features=features)
    table.to_parquet(tmp_path / "frames.parquet")
    source = FrameSource(path=str(tmp_path / "frames.parquet"), image_column="frame", video_column="case")
    frames, _ = load_frames([source], hold_out=["x"])
    assert frames["video_id"] == ["y"] * 4
    assert frames[0]["image"]["bytes"]
    with pytest.raises(ValueError, match="has no column 'image' but frame, case"):
        load_frames([FrameSource(path=str(tmp_path / "frames.parquet"))])


def test_held_out_videos_are_gone_and_misspelt_ones_refused(folder):
    frames, _ = load_frames([FrameSource(path=str(folder))], hold_out=["A"])
    assert set(frames["video_id"]) == {"B"}
    with pytest.raises(ValueError, match="hold_out names C, but the frames have the videos A, B"):
        load_frames([FrameSource(path=str(folder))], hold_out=["C"])


@pytest.mark.parametrize("path", ["./nowhere", "/nowhere/at/all", "nowhere"])
def test_a_missing_source_says_so(path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_frames([FrameSource(path=path)])


def test_an_empty_folder_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file matches"):
        load_frames([FrameSource(path=str(tmp_path))])
