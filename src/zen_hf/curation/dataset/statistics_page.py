# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One self-contained HTML page about a frame dataset: hours, frames, reasons, brightness, sharpness, clusters."""

from collections.abc import Sequence
from html import escape

import numpy as np

from zen_hf.pages.palette import COLOURS
from zen_hf.pages.style import STYLE

from ..frame_row import REASONS
from .dataset_card import hours, megabytes
from .dataset_summary import HISTOGRAMS, Histogram, Row, Summary

KEPT = COLOURS[2]
REASON_COLOURS = dict(zip(REASONS, [COLOURS[i] for i in (9, 7, 6, 1, 3, 5, 8, 4, 0)], strict=True))
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 300, 110, 10, 20, 10

OWN_STYLE = (
    """
.stack { display: flex; height: 18px; width: 100%; min-width: 8rem; background: var(--panel); } .stack i { display: block; }
.scores.stacks { width: 100%; } .scores td.wide-bar { width: 60%; } .scores td.number, .scores th.number { text-align: right; }
.scores tbody th { min-width: 9.5rem; overflow-wrap: anywhere; }
.histogram { width: 300px; margin: 0; } .histogram figcaption { font-size: 14px; font-weight: 700; margin-left: 10px; overflow-wrap: anywhere; }
.charts { align-items: flex-end; } .numbers { display: flex; flex-wrap: wrap; gap: .8rem; padding: 0; list-style: none; }
.numbers li { background: var(--panel); padding: .6rem 1rem; border-radius: 6px; } .numbers b { display: block; font-size: 22px; }
svg.chart .kept { fill: """
    + KEPT
    + """; fill-opacity: .85; } svg.chart .refused { fill: none; stroke: var(--ink); stroke-width: 1.5; }
svg.chart .cluster { fill: var(--own); }
"""
)


def statistics_page(title: str, summary: Summary, histograms: Sequence[Histogram]) -> str:
    """The page.

    Args:
        title: The dataset's name.
        summary: Its numbers.
        histograms: Of kept and rejected frames.
    """
    sections = [
        f"<h1>{escape(title)}</h1>",
        numbers(summary),
        remarks(summary),
        "<h2>Kept and rejected</h2>",
        reasons_legend(summary.total),
        stacks(summary.tables["procedure"]),
        "<h2>Procedures</h2>",
        table("Procedure", summary.tables["procedure"]),
        "<h2>Sources</h2>",
        table("Source", summary.tables["source"]),
        "<h2>Splits</h2>",
        table("Split", summary.tables["split"]),
        *(histogram_section(histogram) for histogram in histograms),
        "<h2>Clusters</h2>",
        clusters(summary.cluster_sizes),
    ]
    head = (
        "<meta charset=utf-8><meta name=viewport content='width=device-width'><meta name=color-scheme content='light dark'>"
        f"<title>{escape(title)}</title><style>{STYLE}{OWN_STYLE}</style>"
    )
    body = "\n".join(sections)
    return f"<!doctype html>\n<html lang=en><head>{head}</head>\n<body>\n{body}\n</body></html>\n"


def numbers(summary: Summary) -> str:
    """The most important numbers."""
    total = summary.total
    again = sum(total.rejected.get(reason, 0) for reason in ("near_duplicate", "near_duplicate_of_other_video"))
    share = f"{total.kept / total.sampled:.0%} of those looked at" if total.sampled else "none looked at"
    facts = [
        (f"{total.kept:,}", f"frames, {share}"),
        (f"{total.videos - total.failed:,}", f"videos of {total.patients:,} patients"),
        (hours(total), f"of film, {megabytes(total.input_bytes)}"),
        (megabytes(total.image_bytes), "of images"),
        (f"{again:,}", "near duplicates left out"),
    ]
    return "<ul class=numbers>" + "".join(f"<li><b>{value}</b>{said}</li>" for value, said in facts) + "</ul>"


def remarks(summary: Summary) -> str:
    """What the reader should know first: what could not be read stands out, the rest is said."""
    calm = [remark for remark in summary.remarks if remark not in summary.failures]
    said = "".join(f"<li>{plain(remark)}.</li>" for remark in calm)
    alarms = "".join(f"<p class=alarm>{plain(remark)}.</p>" for remark in summary.failures)
    return alarms + (f"<ul>{said}</ul>" if said else "")


def plain(remark: str) -> str:
    """A remark of the card without its marks of code."""
    return escape(remark.replace("`", ""))


def reasons_legend(total: Row) -> str:
    """Colours of the reasons that occur."""
    shown = {"kept": KEPT} | {reason: REASON_COLOURS[reason] for reason in REASONS if total.rejected.get(reason)}
    counts = {"kept": total.kept} | total.rejected
    return (
        "<ul class=classes>"
        + "".join(
            f"<li><i style='background:{colour}'></i>{escape(name)} ({counts[name]:,})</li>"
            for name, colour in shown.items()
        )
        + "</ul>"
    )


def stacks(rows: Sequence[Row]) -> str:
    """A bar per procedure: which share of the frames was kept, and why the others were not."""
    lines = []
    for row in rows:
        counts = {"kept": row.kept} | {reason: row.rejected.get(reason, 0) for reason in REASONS}
        whole = sum(counts.values())
        bars = "".join(
            f"<i style='width:{100 * count / whole:.3f}%;background:{KEPT if name == 'kept' else REASON_COLOURS[name]}' "
            f"title='{escape(name)}: {count:,} of {whole:,}'></i>"
            for name, count in counts.items()
            if count
        )
        share = f"{row.kept / whole:.0%}" if whole else "no frames"
        lines.append(
            f"<tr><th>{escape(row.name)}</th><td class=wide-bar><div class=stack>{bars}</div></td>"
            f"<td class=number>{share}</td><td class=number>{whole:,}</td></tr>"
        )
    head = "<tr><th>Procedure<th>frames by what became of them<th class=number>kept<th class=number>looked at</tr>"
    return f"<div class=wide><table class='scores stacks'><thead>{head}</thead>{''.join(lines)}</table></div>"


def table(title: str, rows: Sequence[Row]) -> str:
    """Numbers of every procedure, source or split."""
    names = (
        title,
        "videos",
        "unreadable",
        "patients",
        "hours",
        "looked at",
        "kept",
        "rejected",
        "images",
        "per frame",
    )
    head = "".join(f"<th{' class=number' if number else ''}>{name}</th>" for number, name in enumerate(names))
    lines = []
    for row in rows:
        per_frame = f"{row.image_bytes / row.kept / 1e3:,.1f} kB" if row.kept else ""
        cells = [
            f"{row.videos:,}",
            f"{row.failed:,}",
            f"{row.patients:,}",
            f"{row.hours:,.2f}",
            f"{row.sampled:,}",
            f"{row.kept:,}",
            f"{sum(row.rejected.values()):,}",
            megabytes(row.image_bytes),
            per_frame,
        ]
        lines.append(
            f"<tr><th>{escape(row.name)}</th>{''.join(f'<td class=number>{cell}</td>' for cell in cells)}</tr>"
        )
    return f"<div class=wide><table class=scores><thead><tr>{head}</tr></thead>{''.join(lines)}</table></div>"


def histogram_section(histogram: Histogram) -> str:
    """A chart per procedure of one signal."""
    charts = "".join(
        histogram_chart(procedure, histogram, histogram.kept.get(procedure), histogram.rejected.get(procedure))
        for procedure in sorted(set(histogram.kept) | set(histogram.rejected))
    )
    note = (
        f"<p class=note>{escape(HISTOGRAMS[histogram.signal].capitalize())}. Bars: kept frames; line: rejected frames, each as "
        "a share of its own number. The last bar also holds what lies beyond.</p>"
    )
    return f"<h2>{escape(histogram.signal.capitalize())}</h2>{note}<div class=charts>{charts}</div>"


def histogram_chart(procedure: str, histogram: Histogram, kept: np.ndarray | None, rejected: np.ndarray | None) -> str:
    """A figure of one procedure."""
    zero = np.zeros(len(histogram.edges) - 1)
    counts = [zero if count is None else count for count in (kept, rejected)]
    shares = [count / max(count.sum(), 1) for count in counts]
    highest = max(share.max() for share in shares) or 1.0
    step = (WIDTH - 2 * LEFT) / len(zero)
    floor = HEIGHT - BOTTOM

    def top(share: float) -> float:
        return floor - share / highest * (floor - TOP)

    parts = []
    for number, share in enumerate(shares[0]):
        if share:
            parts.append(
                f"<rect class=kept x={LEFT + number * step:.2f} y={top(share):.2f} width={step:.2f} "
                f"height={floor - top(share):.2f}><title>{int(counts[0][number]):,} kept</title></rect>"
            )
    if counts[1].sum():
        points = [
            f"{LEFT + number * step:.2f},{top(share):.2f} {LEFT + (number + 1) * step:.2f},{top(share):.2f}"
            for number, share in enumerate(shares[1])
        ]
        foot = f"{LEFT},{floor}", f"{WIDTH - LEFT},{floor}"
        parts.append(f"<polyline class=refused points='{' '.join([foot[0], *points, foot[1]])}' />")
    parts.append(f"<line class=grid x1={LEFT} x2={WIDTH - LEFT} y1={floor} y2={floor} />")
    ends = ((LEFT, "start", histogram.edges[0]), (WIDTH - LEFT, "end", histogram.edges[-1]))
    parts += [
        f"<text class=mark x={x} y={HEIGHT - 6} text-anchor={anchor}>{round(edge, 2):g}</text>"
        for x, anchor, edge in ends
    ]
    return (
        f"<figure class=histogram><figcaption>{escape(procedure)}</figcaption><svg class=chart viewBox='0 0 {WIDTH} {HEIGHT}' "
        f"width={WIDTH} height={HEIGHT} role=img>{''.join(parts)}</svg></figure>"
    )


def clusters(sizes: Sequence[int] | None) -> str:
    """Sizes of the clusters, largest first."""
    if sizes is None:
        return (
            "<p>None: no encoder looked at the frames, so there are no embeddings to cluster; columns <code>cluster</code> and "
            "<code>cluster_weight</code> are empty.</p>"
        )
    width, height = 900, 160
    shown = np.array([part.mean() for part in np.array_split(np.asarray(sizes, float), min(len(sizes), 300))])
    step = (width - 2 * LEFT) / len(shown)
    bars = "".join(
        f"<rect class=cluster x={LEFT + number * step:.2f} y={height - BOTTOM - size / shown[0] * (height - BOTTOM - LEFT):.2f} "
        f"width={max(step - 0.5, 0.5):.2f} height={size / shown[0] * (height - BOTTOM - LEFT):.2f} />"
        for number, size in enumerate(shown)
    )
    said = (
        f"<p>{len(sizes):,} clusters of training frames, of {sizes[-1]:,} to {sizes[0]:,} frames; the largest tenth holds "
        f"{sum(sizes[: max(1, len(sizes) // 10)]) / sum(sizes):.0%} of the frames.</p>"
    )
    return f"{said}<svg class=chart viewBox='0 0 {width} {height}' width={width} height={height} role=img>{bars}</svg>"
