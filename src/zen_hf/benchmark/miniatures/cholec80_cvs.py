# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The miniature of Cholec80-CVS, with an interval that ends before it begins and one that goes on after the clip."""

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

from ..readers.cholec80_cvs import CRITERIA, FPS, SHEET, TIMES
from .operation import criteria_in_view, draw_operation, write_film

LEAD = 3  # film before the drawn scenes, as a multiple of theirs: only the last 15 % before the clip are judged
PARTS = (
    "[Content_Types].xml",
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels",
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="xl/workbook.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>',
    "xl/workbook.xml",
    '<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
    '<sheet name="annotations" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels",
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="worksheets/sheet1.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/></Relationships>',
)


def write(folder: Path, videos: list[str], seconds: int, size: int, seed: int) -> None:
    """Write videos of Cholec80's layout, and the sheet; see `write_miniature`."""
    (folder / "phase_annotations").mkdir()
    prelude, clipping, rows = LEAD * seconds, 2, []
    cut = prelude + seconds
    for number, video in enumerate(videos):
        drawn = draw_operation(number, seconds, size, seed)
        scenes = [drawn[0]] * prelude + drawn + [drawn[-1]] * clipping
        write_film(scenes, folder / "videos" / f"{video}.mp4", FPS)
        names = ["Preparation"] * (prelude // 2) + ["CalotTriangleDissection"] * (cut - prelude // 2)
        names += ["ClippingCutting"] * clipping
        lines = [f"{FPS * second + frame}\t{name}" for second, name in enumerate(names) for frame in range(FPS)]
        (folder / "phase_annotations" / f"{video}-phase.txt").write_text("\n".join(["Frame\tPhase", *lines]) + "\n")
        for second, scene in enumerate(scenes[:cut]):
            shown = criteria_in_view(scene)
            scores = [shown[name] * (1 + (second + place) % 2) for place, name in enumerate(CRITERIA)]  # 1 or 2
            rows.append(interval(video, second, second + 1, scores))
    rows.append(interval(videos[0], 20, 10, [2, 2, 2]))
    rows.append(interval(videos[0], cut - 1, cut + 2, [2, 0, 1]))
    write_sheet(folder / SHEET, [["video", *TIMES, *CRITERIA, "Total", "critical_view"], *rows])


def interval(video: str, start: int, end: int, scores: list[int]) -> list[int]:
    """One row of the sheet; `start` and `end` in seconds."""
    return [int(video[-2:]), start // 60, start % 60, end // 60, end % 60, *scores, sum(scores), int(sum(scores) >= 5)]


def write_sheet(path: Path, rows: list[list]) -> None:
    """Write rows of texts and numbers as the only sheet of an xlsx file."""
    lines = []
    for row in rows:
        cells = [
            f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
            if isinstance(cell, str)
            else f"<c><v>{cell}</v></c>"
            for cell in row
        ]
        lines.append(f"<row>{''.join(cells)}</row>")
    sheet = '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in zip(PARTS[::2], PARTS[1::2], strict=True):
            archive.writestr(name, content)
        archive.writestr("xl/worksheets/sheet1.xml", f"{sheet}<sheetData>{''.join(lines)}</sheetData></worksheet>")
