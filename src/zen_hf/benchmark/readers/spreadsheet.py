# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The first sheet of an xlsx file as rows of text: a zip of XML (ECMA-376), read without a further dependency."""

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

NAMESPACE = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def read_sheet(path: Path) -> list[list[str]]:
    """Cells of the first sheet.

    Args:
        path: an .xlsx file.

    Returns:
        One list of texts per row, empty texts for empty cells; formulas give their stored value.

    Raises:
        ValueError: if it is no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            shared = _shared_strings(archive) if "xl/sharedStrings.xml" in names else []
            sheets = sorted(
                (name for name in names if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name)), key=_number
            )
            root = ElementTree.fromstring(archive.read(sheets[0]))
    except (zipfile.BadZipFile, KeyError, IndexError, ElementTree.ParseError) as error:
        raise ValueError(
            f"{path} is not an xlsx file ({type(error).__name__}: {error}); download it again."
        ) from error
    rows = []
    for row in root.iterfind(".//s:row", NAMESPACE):
        cells = {}
        for position, cell in enumerate(row.iterfind("s:c", NAMESPACE)):
            cells[_column(cell.get("r"), position)] = _text(cell, shared)
        rows.append([cells.get(column, "") for column in range(max(cells, default=-1) + 1)])
    return rows


def _number(name: str) -> int:
    return int(re.search(r"\d+", name).group())


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    root = ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))
    return ["".join(text.text or "" for text in item.iterfind(".//s:t", NAMESPACE)) for item in root]


def _column(reference: str | None, position: int) -> int:
    """Index from 0 of a cell such as "AB12"; files may leave the reference out."""
    if reference is None:
        return position
    index = 0
    for letter in re.match(r"[A-Z]+", reference).group():
        index = 26 * index + ord(letter) - ord("A") + 1
    return index - 1


def _text(cell: ElementTree.Element, shared: list[str]) -> str:
    if cell.get("t") == "inlineStr":
        return "".join(text.text or "" for text in cell.iterfind(".//s:t", NAMESPACE))
    value = cell.find("s:v", NAMESPACE)
    if value is None or value.text is None:
        return ""
    return shared[int(value.text)] if cell.get("t") == "s" else value.text
