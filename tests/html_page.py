# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A page of HTML as tests look at it."""

from html.parser import HTMLParser

VOID = {"meta", "br", "img"}


class Page(HTMLParser):
    """Tags in order, and tables as rows of cells: text and the machine's numbers of each."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.tables, self.titles, self.cell = [], [], [], [], None
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.cell = {"text": "", "numbers": [], "title": attributes.get("title")}
            self.tables[-1][-1].append(self.cell)
        if tag == "data" and self.cell is not None:
            self.cell["numbers"].append(float(attributes["value"]))

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
        if tag in ("td", "th"):
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell["text"] += data
