# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A CSV table of videos: one row per video, with what is known of it."""

import csv
import io
from difflib import get_close_matches
from pathlib import Path

COLUMNS = ("video", "procedure", "hospital", "patient")


def read_video_table(file: Path) -> list[dict[str, str]]:
    """The rows of a table with the column `video` and, where known, `procedure`, `hospital` and `patient`.

    Fields are separated by commas, semicolons or tabs, whichever the first line has.

    Args:
        file: CSV file in UTF-8.

    Returns:
        One dict per row; what its table does not say is an empty string.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is no such table; the message names the line.
    """
    if not file.is_file():
        raise FileNotFoundError(f"paths: no file {str(file)!r}; check the path")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file}: not UTF-8 (byte {error.start}: {error.reason}); save the table as 'CSV UTF-8'"
        ) from error
    if not text.strip():
        raise ValueError(f"{file}: empty; expected a first line such as {','.join(COLUMNS)}")
    first_line = text.lstrip().splitlines()[0]
    separator = max(",;\t", key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, header = [], None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _header(file, cells)
                continue
            if len(cells) != len(header):
                raise ValueError(
                    f"{file}, line {reader.line_num}: {len(cells)} fields, but the first line has {len(header)}; "
                    "put a field that holds a separator into quotes"
                )
            row = dict.fromkeys(COLUMNS, "") | dict(zip(header, map(str.strip, cells), strict=True))
            if not row["video"]:
                raise ValueError(f"{file}, line {reader.line_num}: no video; expected a path in the column video")
            rows.append(row)
    except csv.Error as error:
        raise ValueError(f"{file}, line {reader.line_num}: not CSV: {error}") from error
    if not rows:
        raise ValueError(f"{file}: no row below the first line; expected one row per video")
    return rows


def _header(file: Path, cells: list[str]) -> list[str]:
    """The names of the columns, all of them known, `video` among them."""
    header = [cell.strip().lower() for cell in cells]
    for column in header:
        if column not in COLUMNS:
            near = get_close_matches(column, COLUMNS, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(
                f"{file}: unknown column {column!r}; {hint}expected {', '.join(COLUMNS)}; remove or rename the column"
            )
    if len(set(header)) < len(header):
        raise ValueError(f"{file}: a column stands twice in {', '.join(header)}; expected each at most once")
    if "video" not in header:
        raise ValueError(f"{file}: no column 'video' but {', '.join(header)}; expected {', '.join(COLUMNS)}")
    return header
