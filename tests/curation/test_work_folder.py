# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Chunks that come in any order, twice or too late: no frame is lost or doubled, and no video finished too early."""

import hashlib
import io
import random
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from data.films import read_number, write_film
from extraction_parts import PlainEngine
from PIL import Image

from zen_hf.curation import decode_video
from zen_hf.curation.decode_video import lost_video
from zen_hf.curation.encode_chunk import WrittenChunk
from zen_hf.curation.parts import VideoRecord, read_part
from zen_hf.curation.work_folder import WorkFolder
from zen_hf.recipes.curate import FAILED_HALFWAY, curate

FILTERS = ("black", "test_screen", "over_exposed", "blurred", "frozen", "outside_body")
FILMS, FRAMES = 3, 11  # sampled frames of a film: five chunks of two and one that is not full


class UnrulyEngine:
    """Every chunk is encoded twice, and every result given twice, in an order that a seed chooses.

    Args:
        seed: Of the order.
        crash: Number of the film whose decoder crashes in every attempt, after it had passed on all of its chunks but
            the last.
        forgotten: Number of the film whose third chunk never arrives.
    """

    def __init__(self, seed, crash=None, forgotten=None):
        self.random, self.crash, self.forgotten = random.Random(seed), crash, forgotten

    def run(self, items, stages):
        decode, encode = (stage.build() for stage in stages)
        chunks = []
        for number, task in enumerate(items):
            of_video = list(decode(task))
            assert len(of_video) == FRAMES // 2 + 1
            if number == self.crash:
                of_video = [*of_video[:-1], *lost_video(task, "by SIGSEGV")]
            if number == self.forgotten:
                del of_video[2]
            chunks += of_video
        chunks += chunks
        self.random.shuffle(chunks)
        late = []
        for chunk in chunks:
            for result in encode(chunk):
                yield result
                late.append(result)
                if self.random.random() < 0.5:
                    yield late.pop(self.random.randrange(len(late)))
        yield from late


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Films in which every second sampled frame is the one before once more."""
    folder = tmp_path_factory.mktemp("films")
    for film in range(FILMS):
        numbers = [1000 * film + 10 * (frame // 10) for frame in range(5 * FRAMES)]
        write_film(folder / f"film{film}.mkv", numbers=numbers, size=(96, 128), codec="ffv1")
    (folder / "salt").write_bytes(b"the salt of all these runs")
    return folder


@pytest.fixture(scope="module", autouse=True)
def short_chunks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode_video, "CHUNK_FRAMES", 2)
        yield


def run(engine, films, output):
    """A curation with all filters off but that of duplicates."""
    return curate(
        engine,
        overrides=[
            f"inputs.paths=['{films}/*.mkv']",
            f"output={output}",
            f"identities.salt_file={films / 'salt'}",
            "frames.fps=5",
            "frames.image.format=png",
            "frames.duplicates.bits=0",
            "frames.duplicates.across_bits=-1",
            "frames.overlays.find=false",
            "frames.overlays.refuse_frames=false",
            *(f"frames.filters.{name}=null" for name in FILTERS),
        ],
    )


def bytes_of(folder):
    """Hash of every file of a dataset."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def records_of(output):
    """What is in the private folder of every video, by the name of its file there."""
    parts = [file.parent for file in output.with_name(f"{output.name}.private").glob("parts/**/record.json")]
    return {part.name: (read_part(part).record, sorted(file.name for file in part.iterdir())) for part in parts}


@pytest.fixture(scope="module")
def undisturbed(films, short_chunks, tmp_path_factory):
    return run(PlainEngine(), films, tmp_path_factory.mktemp("run") / "frames")


def test_a_plain_run_keeps_the_right_half_of_the_frames(undisturbed):
    rows = [row for file in sorted((undisturbed / "data").iterdir()) for row in pq.read_table(file).to_pylist()]
    pictures = [np.asarray(Image.open(io.BytesIO(row["image"]["bytes"]))) for row in rows]
    numbers = Counter(read_number(picture) for picture in pictures)
    assert set(numbers) == {1000 * film + 10 * place for film in range(FILMS) for place in range(6)}
    assert set(numbers.values()) == {1}
    assert pq.read_table(undisturbed / "rejected.parquet").num_rows == FILMS * 5


@pytest.mark.parametrize("seed", range(4))
def test_chunks_in_any_order_and_again_and_again_give_the_same_bytes(undisturbed, films, tmp_path, seed):
    output = run(UnrulyEngine(seed), films, tmp_path / "frames")
    assert bytes_of(output) == bytes_of(undisturbed)
    for _, files in records_of(output).values():
        assert [name for name in files if not name.startswith("kept-")] == ["record.json", "rejected.parquet"]


@pytest.mark.parametrize("seed", range(4))
def test_what_comes_late_of_a_video_that_failed_leaves_nothing(undisturbed, films, tmp_path, seed):
    output = run(UnrulyEngine(seed, crash=1), films, tmp_path / "frames")
    records = records_of(output)
    failed = [(record, files) for record, files in records.values() if record.failed is not None]
    assert len(failed) == 1 and failed[0][1] == ["record.json", "rejected.parquet"]
    assert failed[0][0].kept == 0 and not failed[0][0].rejected
    assert [record.kept for record, _ in records.values() if record.failed is None] == [6, 6]
    run(PlainEngine(), films, output)  # tries the one that failed again, and only that
    assert bytes_of(output) == bytes_of(undisturbed)


@pytest.mark.parametrize("seed", range(2))
def test_a_video_of_which_a_chunk_never_comes_has_failed(undisturbed, films, tmp_path, seed):
    output = run(UnrulyEngine(seed, forgotten=2), films, tmp_path / "frames")
    records = [record for record, _ in records_of(output).values()]
    assert sorted(record.kept for record in records) == [0, 6, 6]
    assert [record.failed for record in records if not record.kept] == [FAILED_HALFWAY]
    run(PlainEngine(), films, output)
    assert bytes_of(output) == bytes_of(undisturbed)


def test_a_video_is_finished_once_and_stays_so(tmp_path):
    work = WorkFolder(tmp_path)
    record = VideoRecord("v", "p", "s", "x", "0", 1, "0")
    (work.parts / "v").mkdir(parents=True)
    last = WrittenChunk("v", 2, 1, {"black": 1}, record, None)
    first, second = (WrittenChunk("v", number, 2, {"black": 1}, None, None) for number in range(2))
    assert [work.add(chunk) for chunk in (last, first, last, first)] == [None] * 4
    part = work.add(second)
    assert (part.record.kept, part.record.rejected) == (5, {"black": 3})
    crashed = WrittenChunk("v", 0, 0, {}, VideoRecord("v", "p", "s", "x", "0", 1, "0", failed="crashed"), None)
    assert [work.add(chunk) for chunk in (first, second, last, crashed)] == [None] * 4
    assert read_part(part.folder).record == part.record
