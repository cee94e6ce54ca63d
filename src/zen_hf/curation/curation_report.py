# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What became of every input, by the names that its owner knows: on the console and in the private folder alone.

What the output says of its videos, it says by their ids; see manifest.py.
"""

import os
import unicodedata
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from zen_hf.atomic_files import atomic_file
from zen_hf.engines.plan import duration_words

from .frame_row import REASONS
from .inputs.video_input import InputProblem
from .parts import VideoRecord

REPORT = "report.txt"
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # categories of signs that move the cursor, or are not seen


class CurationReport:
    """Collects the lines, and prints each as it comes.

    Args:
        names: How the user calls each video, by its id.
        console: Where the lines go.
    """

    def __init__(self, names: dict[str, str], console: Console | None = None):
        self.names = names
        self.console = console or Console()
        self.records: dict[str, VideoRecord] = {}
        self.private: dict[str, str] = {}  # by video id
        self.inputs: list[InputProblem] = []

    def add_problems(self, problems: list[InputProblem]) -> None:
        """Reports inputs that are left out, and remarks about inputs."""
        self.inputs += problems
        for problem in problems:
            self._print(input_line(problem), "yellow")

    def add_video(self, record: VideoRecord, private: str | None = None, resumed: bool = False) -> None:
        """Reports a finished video.

        Args:
            record: What it came to.
            private: More on its failure, which may hold names.
            resumed: Whether an earlier run finished it.
        """
        self.records[record.video_id] = record
        if private:
            self.private[record.video_id] = private
        count = f"[{len(self.records)}/{len(self.names)}] "
        line = self._line(record) + (" (finished before)" if resumed else "")
        self._print(count + line, "red" if record.failed else "yellow" if record.problems else "")

    def print_summary(self) -> None:
        """Prints a table of what was kept and why the rest was not."""
        table = Table(Column("frames"), Column("number", justify="right"), Column("share", justify="right"))
        sampled = sum(record.sampled for record in self.records.values())
        for name, number in self._frames():
            table.add_row(name, f"{number:,}", f"{number / sampled:.1%}" if sampled else "")
        self.console.print(table)
        for line in self._totals():
            self._print(line, "")

    def write(self, private: Path, share: str | None = None) -> None:
        """Writes the lines into the private folder: to `report.txt`, or of a share of the videos to a file of its own.

        Videos stand in the order of their ids, so that the same inputs give the same bytes.

        Args:
            private: The folder.
            share: The share, such as `0/8`, whose file is `report-0-of-8.txt`; None for all videos.
        """
        videos = [self._line(record) for _, record in sorted(self.records.items())]
        frames = [f"frames {name}: {number}" for name, number in self._frames()]
        lines = [*map(input_line, self.inputs), *videos, *self._totals(), *frames]
        name = REPORT if share is None else f"report-{share.replace('/', '-of-')}.txt"
        with atomic_file(private / name) as temporary:
            new = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(new, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)

    def _line(self, record: VideoRecord) -> str:
        name = line_safe(self.names.get(record.video_id, record.video_id))
        more = self.private.get(record.video_id, "")
        if record.failed is not None and record.failed in more:  # the same words, with the name
            return f"{name} ({record.video_id}): FAILED: {line_safe(more)}"
        return f"{name} ({record.video_id}): {outcome(record)}" + (f" [{line_safe(more)}]" if more else "")

    def _frames(self) -> list[tuple[str, int]]:
        """Number of frames by what became of them."""
        rejected = sum((Counter(record.rejected) for record in self.records.values()), Counter())
        reasons = [reason for reason in REASONS if rejected[reason]]
        reasons += sorted(set(rejected) - set(REASONS))
        sampled, kept = (sum(getattr(record, key) for record in self.records.values()) for key in ("sampled", "kept"))
        return [("looked at", sampled), ("kept", kept), *((reason, rejected[reason]) for reason in reasons)]

    def _totals(self) -> list[str]:
        """The run in one line, and a warning if videos are missing."""
        failed = sum(record.failed is not None for record in self.records.values())
        damaged = sum(bool(record.problems) for record in self.records.values())
        hours = sum(record.duration_s for record in self.records.values()) / 3600
        lines = [
            f"videos: {len(self.records)} ({duration_words(hours)}), curated: {len(self.records) - failed}, failed: {failed}, "
            f"with problems: {damaged}, remarks about inputs: {len(self.inputs)}"
        ]
        missing = len(set(self.names) - set(self.records))
        return lines + ([f"videos that are not finished: {missing}; run the same command again"] if missing else [])

    def _print(self, line: str, style: str) -> None:
        self.console.print(Text(line, style=style), soft_wrap=True)


def input_line(problem: InputProblem) -> str:
    """An input and what is wrong with it, for its owner."""
    return f"{line_safe(problem.name)}: {problem.kind}" + (f" ({line_safe(problem.detail)})" if problem.detail else "")


def outcome(record: VideoRecord) -> str:
    """What a video came to, without any name."""
    if record.failed is not None:
        return f"FAILED: {line_safe(record.failed)}"
    reasons = sorted(record.rejected.items(), key=lambda reason: (-reason[1], reason[0]))
    rejected = ", ".join(f"{count} {reason}" for reason, count in reasons if count)
    problems = "".join(f"; {line_safe(problem)}" for problem in record.problems)
    return f"kept {record.kept} of {record.sampled}" + (f" ({rejected})" if rejected else "") + problems


def line_safe(name: str) -> str:
    r"""A name that stays on its line and shows every sign: a line break is shown as \n, the byte E9 of no UTF-8 as \xe9."""
    return "".join(_shown(sign) if unicodedata.category(sign) in HIDDEN else sign for sign in name)


def _shown(sign: str) -> str:
    if 0xDC80 <= ord(sign) <= 0xDCFF:  # how Python holds a byte of a file name that is no UTF-8
        return f"\\x{ord(sign) - 0xDC00:02x}"
    return sign.encode("unicode_escape", "surrogatepass").decode()
