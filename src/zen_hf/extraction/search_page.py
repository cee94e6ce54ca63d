# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""A page with a picture and the moments that look most like it."""

import base64
import html
import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from zen_hf.pages.style import STYLE

from .frame_index import Moment

WIDTH = 320  # of a thumbnail, px
LOOK = """
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 1rem; }
main figure { margin: 0; background: var(--panel); border-radius: 6px; overflow: hidden; }
main img, main .none { width: 100%; aspect-ratio: 16 / 9; object-fit: contain; display: block; background: #000; image-rendering: auto; }
main .none { background: var(--line); color: var(--soft); font-size: 13px; display: grid; place-items: center; }
figcaption { padding: .4rem .6rem .6rem; font-size: 14px; } figcaption b { overflow-wrap: anywhere; }
.likeness { display: flex; align-items: center; gap: .5rem; font-variant-numeric: tabular-nums; }
.likeness i { flex: 1; height: 6px; background: var(--line); border-radius: 3px; overflow: hidden; }
.likeness i::before { content: ""; display: block; height: 100%; width: calc(var(--share) * 100%); background: var(--own); }
.query img { max-width: 420px; width: 100%; image-rendering: auto; border-radius: 6px; }
"""


def search_page(
    picture: Image.Image, moments: Sequence[Moment], thumbnails: Sequence[np.ndarray | None], about: str
) -> str:
    """The page as HTML, whole in itself.

    Args:
        picture: What was searched with.
        moments: What was found, the best one first.
        thumbnails: The frame of each, RGB uint8 [H, W, 3]; None where its film is not at hand.
        about: A line on what was searched.
    """
    figures = "\n".join(
        figure(place, moment, frame) for place, (moment, frame) in enumerate(zip(moments, thumbnails, strict=True), 1)
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Nearest moments</title><style>{STYLE}{LOOK}</style></head><body>
<h1>Nearest moments</h1>
<div class="query"><img src="{jpeg(picture, 840)}" alt="the picture that was searched with"></div>
<p class="note">{html.escape(about)}. Pictures and names are of your films: keep this page where you keep them.</p>
<main>
{figures}
</main>
</body></html>
"""


def figure(place: int, moment: Moment, frame: np.ndarray | None) -> str:
    """One moment."""
    name = html.escape(printable(moment.video))
    shown = (
        f'<img src="{jpeg(Image.fromarray(frame), WIDTH)}" alt="{name} at {when(moment)}">'
        if frame is not None
        else ""
    )
    shown = shown or '<div class="none">its film is not at hand</div>'
    return (
        f"<figure>{shown}<figcaption>{place}. <b>{name}</b><br>{when(moment)}"
        f'<div class="likeness"><i style="--share:{max(moment.cosine, 0):.4f}"></i>cosine {moment.cosine:.3f}</div>'
        "</figcaption></figure>"
    )


def when(moment: Moment) -> str:
    """Such as 1:02:03, or the number of a frame whose time nobody knows."""
    if math.isnan(moment.time_s):
        return f"frame {moment.frame_index}"
    minutes, tenths = divmod(round(moment.time_s * 10), 600)  # rounded before it is divided: no 0:00:60.0
    return f"{minutes // 60}:{minutes % 60:02d}:{tenths // 10:02d}.{tenths % 10}"


def printable(name: str) -> str:
    """A name on one line."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def jpeg(picture: Image.Image, width: int) -> str:
    """A picture as a data URI, reduced to a width in px; without any metadata."""
    picture = picture.convert("RGB")
    picture.info = {}  # Pillow would write the comment of the file that was read into the new one
    if picture.width > width:
        picture = picture.resize(
            (width, max(1, round(picture.height * width / picture.width))), Image.Resampling.BICUBIC
        )
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
