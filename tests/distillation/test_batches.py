# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which view is trained on when: a function of the seed alone, the same for one process and for many."""

import numpy as np
import pytest
from PIL import Image

from zen_hf.data.frame_sources import FrameSource, load_frames
from zen_hf.data.mixture import mix
from zen_hf.data.views import ViewSpec
from zen_hf.distillation.batches import EndlessBatches, ViewDataset, ViewIndex


def batches(num_frames, batch_size, fixed_views=0, seed=0, **position):
    return EndlessBatches([mix(np.zeros(num_frames, int), [1.0], seed)], batch_size, fixed_views, **position)


def take(batches, count):
    iterator = iter(batches)
    return [next(iterator) for _ in range(count)]


def test_every_pass_shows_every_frame_once_with_its_own_view():
    flat = [index for batch in take(batches(12, 4), 6) for index in batch]
    assert sorted(index.frame for index in flat[:12]) == list(range(12))
    assert {index.view for index in flat[:12]} == {0} and {index.view for index in flat[12:]} == {1}
    assert [index.frame for index in flat[:12]] != [index.frame for index in flat[12:]]


def test_fixed_views_repeat():
    assert [batch[0].view for batch in take(batches(5, 5, fixed_views=2), 4)] == [0, 1, 0, 1]


def test_starting_later_continues_the_same_sequence():
    whole = take(batches(7, 3, seed=5), 9)
    assert take(batches(7, 3, seed=5, first=4), 5) == whole[4:]


def test_two_processes_see_what_one_with_the_double_batch_sees():
    one = take(batches(10, 4, seed=1), 5)
    two = [take(batches(10, 2, seed=1, rank=rank, world_size=2), 5) for rank in range(2)]
    assert [first + second for first, second in zip(*two, strict=True)] == one


def test_lanes_take_turns_and_resume_in_their_turn():
    def lanes(first=0):
        blocks = np.repeat(np.arange(20), 5)
        orders = [mix(np.zeros(100, int), [1.0], 0, blocks, lane=lane, lanes=2) for lane in range(2)]
        return EndlessBatches(orders, 5, first=first)

    whole = take(lanes(), 20)
    rows = [{index.frame for batch in whole[lane::2] for index in batch} for lane in range(2)]
    assert len(rows[0]) == len(rows[1]) == 50 and not rows[0] & rows[1]
    assert take(lanes(first=7), 13) == whole[7:]


@pytest.fixture
def damaged(tmp_path):
    for number in range(6):
        path = tmp_path / "video" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((20, 20, 3), 40 + 30 * number, np.uint8)).save(path)
    frames, _ = load_frames([FrameSource(path=str(tmp_path))])
    for number in (2, 3):  # damaged after they were checked, as in a stream
        (tmp_path / "video" / f"{number}.png").write_bytes(b"nothing")
    return frames, str(tmp_path)


def test_an_unreadable_frame_gives_way_to_its_successor_and_is_counted(damaged):
    frames, source = damaged
    dataset = ViewDataset(frames, ViewSpec(image_size=16), 0, frozenset([source]))
    item = dataset[ViewIndex(2, 0)]
    assert item["rows"].tolist() == [4] and item["replaced"].tolist() == [1]
    assert (item["pixels"] == dataset[ViewIndex(4, 0)]["pixels"]).all()
    assert dataset[ViewIndex(5, 0)]["replaced"].tolist() == [0]


def test_an_unreadable_frame_stops_the_run_unless_its_source_skips(damaged):
    frames, _ = damaged
    with pytest.raises(ValueError, match=r"2\.png cannot be decoded .* set on_error: skip"):
        ViewDataset(frames, ViewSpec(image_size=16), 0)[ViewIndex(2, 0)]


def test_a_clip_is_its_frames_in_order(damaged):
    frames, _ = damaged
    spec = ViewSpec(image_size=16, clip_frames=2, colour_jitter=0.0, mask_border=False)
    item = ViewDataset(frames, spec, 0)[ViewIndex(5, 0)]
    assert item["rows"].tolist() == [4, 5] and item["pixels"].shape == (2, 3, 16, 16)
    assert item["pixels"].float().mean(dim=(1, 2, 3)).round().tolist() == [160, 190]


def test_an_unreadable_frame_of_a_clip_gives_way_to_one_of_the_same_clip(damaged):
    frames, source = damaged
    dataset = ViewDataset(frames, ViewSpec(image_size=16, clip_frames=3), 0, frozenset([source]))
    item = dataset[ViewIndex(3, 0)]  # frames 2 and 3 cannot be read
    assert item["rows"].tolist() == [4, 4, 4] and item["replaced"].tolist() == [1, 1, 0]
