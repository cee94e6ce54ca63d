# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The dataset and the mp4 file hold what was drawn."""

import av
import numpy as np
import pytest
from datasets import Dataset

from zen_hf.data.synthetic_surgery import INSTRUMENTS, PHASES, SyntheticSurgery, synthetic_dataset, write_video


def test_every_row_survives_parquet(tmp_path):
    """Write to Parquet, read back, and compare with the frames drawn directly."""
    written = synthetic_dataset(num_videos=2, frames_per_video=3, size=(40, 48), seed=9, first_video=4)
    written.to_parquet(tmp_path / "frames.parquet")
    rows = Dataset.from_parquet(str(tmp_path / "frames.parquet"), cache_dir=str(tmp_path / "cache"))
    assert rows.features == written.features
    assert rows.features["phase"].names == list(PHASES)
    assert rows.features["instruments"].feature.names == list(INSTRUMENTS)
    surgery = SyntheticSurgery(seed=9, size=(40, 48), frames_per_video=3)
    frames = [(surgery.video(index), number) for index in (4, 5) for number in range(3)]
    assert len(rows) == 6
    for row, (video, number) in zip(rows.with_format("python"), frames, strict=True):
        frame = video[number]
        assert (row["video_id"], row["frame"]) == (video.video_id, number)
        assert rows.features["procedure"].int2str(row["procedure"]) == video.procedure
        assert rows.features["hospital"].int2str(row["hospital"]) == video.hospital
        np.testing.assert_array_equal(np.asarray(row["image"]), frame.image)
        np.testing.assert_array_equal(np.asarray(row["instance_mask"]), frame.instance_mask)
        np.testing.assert_array_equal(np.asarray(row["semantic_mask"]), frame.semantic_mask)
        np.testing.assert_array_equal(np.asarray(row["depth_mm"], np.float32), frame.depth_mm)
        np.testing.assert_array_equal(np.asarray(row["boxes"], np.float32).reshape(-1, 4), frame.boxes)
        np.testing.assert_array_equal(np.asarray(row["tips"], np.float32).reshape(-1, 2), frame.tips)
        np.testing.assert_array_equal(np.asarray(row["tip_distance_mm"], np.float32), frame.tip_distance_mm)
        assert row["phase"] == frame.phase and row["instruments"] == frame.instruments
        assert row["box_labels"] == frame.box_labels.tolist()
        assert [tuple(triplet) for triplet in row["triplets"]] == frame.triplets
        assert tuple(row["cvs"]) == frame.cvs
        assert (row["smoke"], row["blood"]) == (frame.smoke, frame.blood)
        assert [(pair["question"], pair["answer"]) for pair in row["questions"]] == frame.questions


def test_without_labels_there_is_the_image_and_its_origin():
    """`labels=False` leaves nothing that could be learned from by mistake."""
    rows = synthetic_dataset(num_videos=1, frames_per_video=2, size=32, labels=False)
    assert rows.column_names == ["image", "video_id", "frame", "procedure", "hospital"]
    assert len(rows) == 2


def test_no_videos_is_an_error():
    """An empty set is not a dataset."""
    with pytest.raises(ValueError, match="num_videos is 0"):
        synthetic_dataset(num_videos=0, frames_per_video=2)


def test_mp4_shows_the_same_frames(tmp_path):
    """Decode the file: same number, size and rate, and pictures close to those drawn."""
    video = SyntheticSurgery(seed=1, size=(64, 96), frames_per_video=8).video(3)
    path = tmp_path / "operation.mp4"
    write_video(video, path, fps=10)
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == 10
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(decoded) == 8
    for number, pixels in enumerate(decoded):
        drawn = video[number].image
        assert pixels.shape == drawn.shape
        error = ((pixels.astype(float) - drawn) ** 2).mean()
        assert 10 * np.log10(255**2 / error) > 25  # dB; colour is stored at half the resolution
    assert [file.name for file in tmp_path.iterdir()] == ["operation.mp4"]


def test_nothing_is_left_of_a_failed_mp4(tmp_path):
    """If drawing fails halfway, neither the file nor a partial one remains, and an old file stays."""

    class Broken:
        size = (32, 32)

        def __len__(self):
            return 3

        def __getitem__(self, number):
            if number == 2:
                raise RuntimeError("no light")
            return SyntheticSurgery(size=32, frames_per_video=3).video(0)[number]

    path = tmp_path / "operation.mp4"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="no light"):
        write_video(Broken(), path)
    assert [file.name for file in tmp_path.iterdir()] == ["operation.mp4"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    "size, name, error, message",
    [
        (32, "operation.avi", ValueError, "does not end in .mp4"),
        ((33, 32), "operation.mp4", ValueError, "33 x 32 px cannot be written"),
        (32, "nowhere/operation.mp4", FileNotFoundError, "create it first"),
    ],
)
def test_bad_paths_and_sizes(tmp_path, size, name, error, message):
    """Errors come before anything is drawn."""
    video = SyntheticSurgery(size=size, frames_per_video=1).video(0)
    with pytest.raises(error, match=message):
        write_video(video, tmp_path / name)
    assert not list(tmp_path.iterdir())
