"""Every input has one line, in a private file of its owner."""

import io
import os
import stat

import pytest
from rich.console import Console

from zen_hf.curation.curation_report import CurationReport, line_safe
from zen_hf.curation.inputs.video_input import InputProblem
from zen_hf.curation.parts import VideoRecord

NAMES = {"v1": "Jane Doe.mp4", "v2": "OR-7/two\nlines [bold].mp4", "v3": "broken.mp4", "v4": "late.mp4"}


def record(video_id: str, **found) -> VideoRecord:
    return VideoRecord(video_id, "p1", "unknown", "colectomy", "0" * 64, 1000, "settings", **found)


RECORDS = [
    record("v1", sampled=100, kept=40, rejected={"black": 10, "blurred": 50}, duration_s=3600.0),
    record("v2", sampled=10, kept=9, rejected={"black": 1, "frozen": 0}, problems=["2 packets lost at 00:12:31"]),
    record("v3", failed="no video stream"),
]
PROBLEMS = [
    InputProblem("x/Jane Doe.lnk", "broken link", "to Jane"),
    InputProblem("Jane's", "folder without a video"),
    InputProblem("y/Jane", "broken link"),
]


def filled(order=(0, 1, 2), names=NAMES):
    out = io.StringIO()
    report = CurationReport(names, Console(file=out, width=60))
    report.add_problems(PROBLEMS)
    for index in order:
        report.add_video(RECORDS[index], private="Jane Doe: bad\x1b[2J" if index == 2 else None, resumed=index == 0)
    return report, out


def test_one_line_on_the_console_for_each_input():
    _, out = filled()
    assert out.getvalue().splitlines() == [
        "x/Jane Doe.lnk: broken link (to Jane)",
        "Jane's: folder without a video",
        "y/Jane: broken link",
        "[1/4] Jane Doe.mp4 (v1): kept 40 of 100 (50 blurred, 10 black) (finished before)",
        "[2/4] OR-7/two\\nlines [bold].mp4 (v2): kept 9 of 10 (1 black); 2 packets lost at 00:12:31",
        "[3/4] broken.mp4 (v3): FAILED: no video stream [Jane Doe: bad\\x1b[2J]",
    ]


def test_the_private_report(tmp_path):
    report, _ = filled()
    report.write(tmp_path)
    assert (tmp_path / "report.txt").read_text().splitlines() == [
        "x/Jane Doe.lnk: broken link (to Jane)",
        "Jane's: folder without a video",
        "y/Jane: broken link",
        "Jane Doe.mp4 (v1): kept 40 of 100 (50 blurred, 10 black)",
        "OR-7/two\\nlines [bold].mp4 (v2): kept 9 of 10 (1 black); 2 packets lost at 00:12:31",
        "broken.mp4 (v3): FAILED: no video stream [Jane Doe: bad\\x1b[2J]",
        "videos: 3 (1.0 hours), curated: 2, failed: 1, with problems: 1, remarks about inputs: 3",
        "videos that are not finished: 1; run the same command again",
        "frames looked at: 110",
        "frames kept: 49",
        "frames black: 11",
        "frames blurred: 50",
    ]
    assert stat.S_IMODE(os.stat(tmp_path / "report.txt").st_mode) == 0o600
    assert os.listdir(tmp_path) == ["report.txt"]


def test_shares_have_files_of_their_own(tmp_path):
    for share in ("0/8", "7/8", None):
        filled()[0].write(tmp_path, share)
    assert sorted(os.listdir(tmp_path)) == ["report-0-of-8.txt", "report-7-of-8.txt", "report.txt"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_the_file_does_not_depend_on_the_order_of_finishing(tmp_path):
    contents = set()
    for order in ((0, 1, 2), (2, 0, 1)):
        filled(order)[0].write(tmp_path)
        contents.add((tmp_path / "report.txt").read_bytes())
    assert len(contents) == 1


def test_the_summary_counts_frames_by_reason():
    report, out = filled(names={name: NAMES[name] for name in ("v1", "v2", "v3")})
    report.print_summary()
    shown = out.getvalue()
    cells = [[cell.strip() for cell in line.split("│")[1:4]] for line in shown.splitlines() if "│" in line]
    assert cells == [
        ["looked at", "110", "100.0%"],
        ["kept", "49", "44.5%"],
        ["black", "11", "10.0%"],
        ["blurred", "50", "45.5%"],
    ]
    assert "not finished" not in shown


def test_a_run_without_a_readable_frame_has_a_summary():
    out = io.StringIO()
    report = CurationReport({"v3": "broken.mp4"}, Console(file=out, width=200))
    report.add_video(RECORDS[2])
    report.print_summary()
    assert "videos: 1 (0.0 minutes), curated: 0, failed: 1" in out.getvalue()


@pytest.mark.parametrize(
    "name, shown",
    [
        ("Öp 手術 [1].mp4", "Öp 手術 [1].mp4"),
        ("a\nb\r\t", "a\\nb\\r\\t"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("gpj.\u202e4pm", "gpj.\\u202e4pm"),
        ("a\u2028b\u200b", "a\\u2028b\\u200b"),
    ],
)
def test_names_stay_on_their_line(name, shown):
    assert line_safe(name) == shown
    shown.encode("utf-8")
