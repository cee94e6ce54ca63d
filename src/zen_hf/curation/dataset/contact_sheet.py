# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Some kept frames on one picture, evenly drawn."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .kept_video import KeptVideo

COLUMNS, ROWS = 8, 6
TILE, CAPTION, GAP = (192, 144), 18, 6  # px
INK, PAPER = (40, 52, 64), (255, 255, 255)


def contact_sheet(videos: Sequence[KeptVideo]) -> Image.Image:
    """A picture of at most 48 frames, each over its procedure's name.

    Every procedure has as many as any other, while it has frames; its own are evenly spread over its videos and their time.

    Args:
        videos: Videos with frames.
    """
    drawn = draw_places(videos)
    columns = min(COLUMNS, len(drawn))
    rows = -(-len(drawn) // columns)
    width, height = TILE[0] + GAP, TILE[1] + CAPTION + GAP
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for number, (video, place) in enumerate(drawn):
        left, top = GAP + number % columns * width, GAP + number // columns * height
        frame = thumbnail(video, place)
        sheet.paste(frame, (left + (TILE[0] - frame.width) // 2, top + TILE[1] - frame.height))
        draw.text((left, top + TILE[1] + 2), shortened(video.record.procedure, font), INK, font)
    return sheet


def draw_places(videos: Sequence[KeptVideo]) -> list[tuple[KeptVideo, int]]:
    """Which frames are shown: videos and places among their frames, in the order of procedures, videos and time."""
    of: dict[str, list[KeptVideo]] = {}
    for video in sorted(videos, key=lambda video: (video.record.procedure, video.record.video_id)):
        if video.frames:
            of.setdefault(video.record.procedure, []).append(video)
    left, shares = COLUMNS * ROWS, {}
    by_size = sorted(of, key=lambda procedure: (sum(video.frames for video in of[procedure]), procedure))
    for number, procedure in enumerate(by_size):  # what a small one does not need is for the larger ones
        shares[procedure] = min(left // (len(by_size) - number), sum(video.frames for video in of[procedure]))
        left -= shares[procedure]
    places = []
    for procedure, members in of.items():
        ends, share = np.cumsum([video.frames for video in members]), shares[procedure]
        for number in range(share):
            place = (2 * number + 1) * int(ends[-1]) // (2 * share)
            video = int(np.searchsorted(ends, place, side="right"))
            places.append((members[video], place - int(ends[video]) + members[video].frames))
    return places


def thumbnail(video: KeptVideo, place: int) -> Image.Image:
    """A frame no larger than a tile."""
    table = next(video.tables(["image"], place, place + 1))
    with Image.open(io.BytesIO(table["image"][0].as_py()["bytes"])) as frame:
        frame.draft("RGB", TILE)
        small = frame.convert("RGB")
    scale = min(TILE[0] / small.width, TILE[1] / small.height)
    size = max(1, round(small.width * scale)), max(1, round(small.height * scale))
    return small.resize(size, Image.Resampling.LANCZOS)


def shortened(text: str, font: ImageFont.FreeTypeFont) -> str:
    """A text that fits below a tile, in characters that the font has."""
    text = text.encode("latin-1", "replace").decode("latin-1").replace("\n", " ")
    while font.getlength(text) > TILE[0] and len(text) > 1:
        text = text.removesuffix("...")[:-1] + "..." if len(text) > 4 else text[:-1]
    return text


def write_contact_sheet(path: Path, videos: Sequence[KeptVideo]) -> None:
    """Writes the picture as JPEG."""
    contact_sheet(videos).save(path, "JPEG", quality=88, optimize=False, progressive=False)
