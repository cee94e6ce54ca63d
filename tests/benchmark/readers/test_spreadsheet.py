# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A sheet as spreadsheet programs write it: shared texts, cells left out, formulas with their value."""

import zipfile

import pytest

from zen_hf.benchmark.readers.spreadsheet import read_sheet

NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHEET = f"""<?xml version="1.0"?><worksheet {NAMESPACE}><sheetData>
<row r="1"><c r="A1" t="s"><v>1</v></c><c r="C1" t="s"><v>0</v></c></row>
<row r="2"><c r="A2"><v>7</v></c><c r="AB2"><f>A2*2</f><v>14.5</v></c></row>
<row r="3"/><row r="4"><c t="inlineStr"><is><t>a</t></is></c><c><v>2</v></c><c r="C4"/></row></sheetData></worksheet>"""
TEXTS = f"<sst {NAMESPACE}><si><r><t>two </t></r><r><t>parts</t></r></si><si><t>video</t></si></sst>"


def test_cells(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("xl/sharedStrings.xml", TEXTS)
        archive.writestr("xl/worksheets/sheet1.xml", SHEET)
        archive.writestr("xl/worksheets/sheet2.xml", SHEET.replace("7", "8"))
    rows = read_sheet(tmp_path / "a.xlsx")
    assert rows[0] == ["video", "", "two parts"]
    assert rows[1] == ["7", *[""] * 26, "14.5"]
    assert rows[2:] == [[], ["a", "2", ""]]


def test_no_such_file(tmp_path):
    (tmp_path / "a.xlsx").write_text("video,score")
    with pytest.raises(ValueError, match="a.xlsx is not an xlsx file .BadZipFile"):
        read_sheet(tmp_path / "a.xlsx")
