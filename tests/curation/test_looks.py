# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Border and overlays are looked for where a film has frames, however long its recorder paused."""

import numpy as np
from data.films import join, loop_film, write_film

from zen_hf.curation.decode_video import FEWEST_LOOKS, LOOKS, DecodeSettings, looks_of, some_frames
from zen_hf.data.video_sampling import Video


def test_a_pause_of_hours_takes_no_look(tmp_path):
    for name, first, start_s in (("one", 0, 0), ("other", 100, 10_800)):
        write_film(tmp_path / "once.ts", numbers=range(first, first + 100))
        loop_film(tmp_path / "once.ts", tmp_path / f"{name}.ts", 1, start_s)
    film = tmp_path / "film.ts"
    film.write_bytes((tmp_path / "one.ts").read_bytes() + (tmp_path / "other.ts").read_bytes())
    with Video(film) as video:
        assert video.duration_s > 10_800
        numbers = some_frames(video, 0.0, video.frame_count)[1][96, 128, 3]
        assert len(numbers) == LOOKS and set(np.diff(numbers)) == {2, 3} and numbers[0] == 0 and numbers[-1] == 198
        assert set(looks_of(video, DecodeSettings())) == {(96, 128, 3)}


def test_a_size_of_a_part_of_the_film_is_looked_at_again(tmp_path):
    sizes = ((96, 128), (64, 96), (96, 128))
    parts = [
        write_film(tmp_path / f"{place}.ts", numbers=range(100 * place, 100 * place + count), size=size, gop=10)
        for place, (size, count) in enumerate(zip(sizes, (300, 30, 300), strict=True))
    ]
    with Video(join(parts, tmp_path / "film.ts")) as video:
        seen = some_frames(video, 0.0, video.frame_count)[1]
        assert len(seen[64, 96, 3]) < FEWEST_LOOKS <= len(seen[96, 128, 3])
        assert set(looks_of(video, DecodeSettings())) == {(96, 128, 3), (64, 96, 3)}
