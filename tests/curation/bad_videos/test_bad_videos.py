"""No file, however bad, ends a run, hangs it, or costs another video its frames: each comes to frames or to a reason."""

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
from curation.bad_videos.bad_videos import groups, make_bad_videos
from curation.bad_videos.case import Case

from zen_hf.curation.curation_report import line_safe
from zen_hf.curation.inputs.identities import Identities, IdentitySettings
from zen_hf.curation.inputs.video_input import InputSettings, find_videos

LONGEST = 60.0  # seconds for one case, on a busy machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("bad videos")


@pytest.fixture(scope="module")
def cases(folder) -> list[Case]:
    return make_bad_videos(folder)


@pytest.fixture(scope="module")
def inputs(folder, cases):
    """What the search for videos makes of the cases: real path -> video, and name -> problem."""
    videos, problems = find_videos(InputSettings(paths=[str(folder)]))
    return {video.path: video for video in videos}, {problem.name: problem for problem in problems}


@pytest.fixture(scope="module")
def outcomes(folder, inputs, tmp_path_factory) -> dict[str, dict]:
    """What came of reading each video that was found, by its path, in a process of their own."""
    waiting, found = list(inputs[0]), {}
    while waiting:
        found |= read_until_it_hangs(waiting, tmp_path_factory.mktemp("list") / "files.json")
        waiting = [path for path in waiting if path not in found]
    return found


def read_until_it_hangs(paths: list[str], listing: Path) -> dict[str, dict]:
    """Results of one process; the last is a hang or a crash if it did not come to the end."""
    with open(listing, "w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(paths, file, ensure_ascii=False)
    worker = Path(__file__).with_name("reading_worker.py")
    found = {}
    with subprocess.Popen(
        [sys.executable, worker, listing], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        for path in paths:
            ready, _, _ = select.select([process.stdout], [], [], LONGEST)
            line = process.stdout.readline() if ready else b""
            if not line.endswith(b"\n"):
                process.kill()
                found[path] = {"escaped": f"exit {process.wait()}" if ready else f"more than {LONGEST:.0f} s"}
                break
            found[path] = json.loads(line)
    return found


def test_there_are_more_than_a_hundred_cases(cases):
    assert len({case.name for case in cases}) == len(cases) >= 100


@pytest.mark.parametrize("group", groups(), ids=lambda group: group.__name__)
def test_frames_come_or_a_reason(folder, inputs, outcomes, group):
    wrong = {line_safe(case.name): fault(case, folder, inputs, outcomes) for case in group()}
    assert {name: found for name, found in wrong.items() if found} == {}


def fault(case: Case, folder: Path, inputs, outcomes) -> str | None:
    """What is wrong with the treatment of a case."""
    videos, problems = inputs
    path = str(folder / case.name)
    if os.path.basename(path).startswith("."):
        return None if path not in videos and "2 hidden" in problems[str(folder)].detail else "hidden, but read"
    if path not in videos:
        if path not in problems:
            return "neither a video nor a line on it"
        return f"left out: {problems[path]}" if case.expected == "frames" else None
    outcome = outcomes[path]
    if "escaped" in outcome:
        return outcome["escaped"]
    if "refused" in outcome and (case.expected == "frames" or len(outcome["refused"]) < 10):
        return f"refused: {outcome['refused']!r}"
    if "frames" in outcome and case.expected == "refused":
        return f"{outcome['frames']} frames of it"
    if not outcome.get("frames") and not outcome.get("refused") and not outcome.get("problems"):
        return "no frame and no word on it"
    if path in str(outcome.get("refused", outcome.get("problems"))):
        return "its path is in words for the output"
    return None


def test_copies_have_one_id_and_every_other_file_its_own(folder, inputs, tmp_path):
    identities = Identities.open(tmp_path / "out", IdentitySettings())
    videos = list(inputs[0].values())
    found, problems = identities.identify(videos)
    assert len({identity.video_id for _, identity in found}) == len(found)
    assert len(found) + len(problems) == len(videos)
    copies = {os.path.relpath(problem.name, folder) for problem in problems}
    assert {"copies/2.mp4"} <= copies
