"""Every input has one line, with names for its owner alone."""

import io
import os
import stat

import pytest
from rich.console import Console

from zen_hf.curation.curation_report import CurationReport, line_safe
from zen_hf.curation.parts import VideoRecord
from zen_hf.curation.video_input import InputProblem

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


def test_the_output_gets_ids_and_the_private_folder_names(tmp_path):
    private, output = tmp_path / "private", tmp_path / "out"
    private.mkdir()
    output.mkdir()
    report, _ = filled()
    report.write(private, output)
    public, secret = (output / "report.txt").read_text(), (private / "report.txt").read_text()
    assert public.splitlines() == [
        "inputs: broken link: 2",
        "inputs: folder without a video: 1",
        "v1: kept 40 of 100 (50 blurred, 10 black)",
        "v2: kept 9 of 10 (1 black); 2 packets lost at 00:12:31",
        "v3: FAILED: no video stream",
        "3 videos, 1.0 hours: 2 curated, 1 could not be read, 1 with problems; 3 remarks about inputs",
        "1 videos are not finished; run the same command again",
        "frames looked at: 110",
        "frames kept: 49",
        "frames black: 11",
        "frames blurred: 50",
    ]
    assert not any(word in public for word in ("Jane", "OR-7", "lines", "bold", "broken.mp4"))
    assert all(name in secret for name in ("Jane Doe.mp4 (v1)", "x/Jane Doe.lnk", "OR-7/two\\nlines", "late" * 0))
    assert stat.S_IMODE(os.stat(private / "report.txt").st_mode) == 0o600
    assert sorted(os.listdir(output)) == sorted(os.listdir(private)) == ["report.txt"]


def test_the_files_do_not_depend_on_the_order_of_finishing(tmp_path):
    contents = set()
    for order in ((0, 1, 2), (2, 0, 1)):
        report, _ = filled(order)
        report.write(tmp_path, tmp_path)
        contents.add((tmp_path / "report.txt").read_bytes())
        report.write(tmp_path)
        contents.add((tmp_path / "report.txt").read_bytes())
    assert len(contents) == 2  # one with names, one without


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
    assert "1 videos, 0.0 hours: 0 curated, 1 could not be read" in out.getvalue()


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
