# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML page about a distilled student: scores, what probes read from it, patch tokens, loss curves."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; } th, td { padding: .25rem .7rem; text-align: left; }
.scores td, .scores th { border-bottom: 1px solid #d5dde5; } .scores td + td, .scores th + th { text-align: right; }
.scores td:first-child { white-space: nowrap; }
.own { font-weight: 700; } .student td { background: #e8f3ee; }
.pictures td, .pictures th { padding: 3px; font-size: 13px; text-align: center; vertical-align: middle; }
.pictures img { width: 116px; height: 116px; image-rendering: pixelated; display: block; }
.alarm { color: #b3261e; }
pre { background: #f2f5f8; padding: .8rem 1rem; overflow-x: auto; } figure { margin: 0; } .note { color: #5a6875; }
"""


@dataclass(frozen=True)
class Picture:
    """A cell of a picture table: pixels [H, W, 3] uint8, enlarged without smoothing."""

    pixels: np.ndarray


def page(title: str, *sections: str) -> str:
    """The page, from its sections of HTML."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    body = "\n".join(sections)
    return (
        f"<!doctype html>\n<html lang=en><head>{head}</head>\n<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def section(heading: str, explanation: str, content: str) -> str:
    """A heading, a paragraph and HTML."""
    return f"<h2>{escape(heading)}</h2>\n<p>{escape(explanation)}</p>\n{content}"


def score_table(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str], Sequence[bool], bool]]) -> str:
    """A table of scores.

    Args:
        columns: Headings after the first.
        rows: Per row its name, its cells, which of them are set in bold, and whether the row is highlighted.
    """
    lines = ["<table class=scores><tr><th></th>" + "".join(f"<th>{escape(c)}</th>" for c in columns) + "</tr>"]
    for name, cells, bold, highlighted in rows:
        inside = "".join(
            f"<td{' class=own' if strong else ''}>{escape(cell)}</td>"
            for cell, strong in zip(cells, bold, strict=True)
        )
        lines.append(f"<tr{' class=student' if highlighted else ''}><td>{escape(name)}</td>{inside}</tr>")
    return "\n".join([*lines, "</table>"])


def picture_table(columns: Sequence[str], rows: Sequence[Sequence[Picture | str]]) -> str:
    """A table of pictures and short texts (one line per line break)."""
    lines = ["<table class=pictures><tr>" + "".join(f"<th>{escape(c)}</th>" for c in columns) + "</tr>"]
    for row in rows:
        cells = [
            f'<img alt="" src="{data_uri(Image.fromarray(cell.pixels))}">'
            if isinstance(cell, Picture)
            else escape(cell).replace("\n", "<br>")
            for cell in row
        ]
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "\n".join([*lines, "</table>"])


def data_uri(image: Image.Image) -> str:
    """A picture as a PNG inside the page."""
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def curves(panels: Sequence[tuple[str, dict[str, tuple[Sequence[float], Sequence[float]]]]]) -> str:
    """Line charts, three in a row, as one picture.

    Args:
        panels: Per chart its title and its lines: name to x and y values.
    """
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.8 * columns, 3.2 * rows), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)  # not pyplot, whose state and display belong to the caller
    places = figure.subplots(rows, columns, squeeze=False).flatten()
    for empty in places[len(panels) :]:
        empty.set_axis_off()
    for axes, (title, lines) in zip(places[: len(panels)], panels, strict=True):
        for name, (x, y) in lines.items():
            few = "o" if len(x) < 20 else None  # a line of one point would not be seen
            axes.plot(x, y, label=name, linewidth=1.6, marker=few, markersize=3)
        axes.set(title=title, xlabel="step")
        values = [value for _, y in lines.values() for value in y]
        if min(values) >= 0:
            axes.set_ylim(0, 1.08 * max(values) or 1)
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend(frameon=False, fontsize="small", ncols=2 if len(lines) > 4 else 1)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    return f'<figure><img alt="loss curves" style="max-width:100%" src="{data_uri(image)}"></figure>'


def token_pictures(patches: torch.Tensor, grid: tuple[int, int]) -> np.ndarray:
    """Patch tokens as colours: their first three principal components over all given frames.

    Args:
        patches: Patch tokens [F, h * w, C].
        grid: Rows and columns (h, w).

    Returns:
        Pictures [F, h, w, 3] uint8; each component spans its 2nd to 98th percentile.
    """
    tokens = patches.flatten(0, 1).double()
    tokens = tokens - tokens.mean(0)
    _, vectors = torch.linalg.eigh(tokens.T @ tokens)
    components = vectors[:, -3:].flip(1)
    largest = components.abs().argmax(0)
    components = components * components[largest, torch.arange(3)].sign()
    colours = tokens @ components
    low, high = torch.quantile(colours, torch.tensor([0.02, 0.98], dtype=torch.float64), dim=0)
    colours = ((colours - low) / (high - low).clamp(min=1e-12)).clamp(0, 1) * 255
    return colours.view(len(patches), *grid, 3).to(torch.uint8).numpy()


def class_picture(shares: torch.Tensor, grid: tuple[int, int], palette: np.ndarray) -> np.ndarray:
    """The largest class of each patch, [h, w, 3] uint8, from shares or scores [h * w, classes]."""
    return palette[shares.argmax(-1).view(grid).numpy()]


def nearness_picture(near: torch.Tensor, grid: tuple[int, int], low: float, high: float) -> np.ndarray:
    """Values [h * w, 1] as colours from dark (low) to bright (high), [h, w, 3] uint8; black where unknown."""
    values = near.view(grid).numpy()
    share = np.clip((np.nan_to_num(values, nan=low) - low) / (high - low), 0, 1)
    colours = (colormaps["inferno"](0.12 + 0.88 * share)[..., :3] * 255).astype(np.uint8)
    return colours * ~np.isnan(values)[..., None]
