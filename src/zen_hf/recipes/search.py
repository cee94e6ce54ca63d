# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The moments that look most like a picture: `zen-hf search --image frame.jpg --features OUT`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from rich import box
from rich.console import Console
from rich.table import Table

from zen_hf.atomic_files import atomic_write_text
from zen_hf.data.frame_sources import FrameSource, open_image
from zen_hf.data.video_sampling import Video, VideoError
from zen_hf.extraction.extract_array import extract
from zen_hf.extraction.frame_index import FrameIndex, Moment
from zen_hf.extraction.moments import find_films, find_pictures, load_places
from zen_hf.extraction.search_page import printable, search_page, when
from zen_hf.recipe_configuration import load_recipe
from zen_hf.recipes.extract import ExtractRecipe

console = Console(highlight=False)


def search(
    image: Path,
    features: Path,
    top: int = 12,
    out: Path | None = None,
    videos: list[Path] | None = None,
    model: str | None = None,
    apart_s: float = 10.0,
) -> list[Moment]:
    """Print the moments that look most like a picture, and write a page with them.

    Args:
        image: The picture.
        features: What `zen-hf extract` wrote, with summaries.
        top: How many moments, at most.
        out: HTML page to write; None for none.
        videos: Films, or folders of films, for thumbnails; by default those of the extraction, where they still are.
        model: The encoder, where it is no longer where it was; revision and trust in its code stay those of the extraction.
        apart_s: Moments of a film nearer to each other than this, in seconds, are one.

    Raises:
        FileNotFoundError: If the picture, the features or the encoder are not there.
        ValueError: If the picture cannot be read, the encoder is another one, or films are given and no page to show them on.
    """
    if videos is not None and out is None:
        raise ValueError("videos are given for thumbnails, but no page to show them on; give out as well")
    try:
        with Image.open(image) as opened:
            picture = opened.convert("RGB")
    except (UnidentifiedImageError, SyntaxError) as error:
        raise ValueError(f"{image}: not a readable picture ({error})") from error
    index = FrameIndex.open(features)
    recipe = recorded_recipe(features)
    source = recipe.encoder if model is None else replace(recipe.encoder, model=model)
    encoder = source.load()
    index.require(encoder)
    vector = extract(encoder, [picture], image_size=index.key["image_size"], bf16=index.key["bf16"])[0]
    moments = index.nearest(vector, top, apart_s)
    print_moments(moments)
    if out is not None:
        frames = frames_at(moments, recipe, videos)
        about = (
            f"{Path(image).name} among {len(index):,} moments of {len(index.files)} films, as {encoder.name} sees them"
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(out, search_page(picture, moments, frames, printable(about)))
        console.print(f"{out}", markup=False, soft_wrap=True)
    return moments


def recorded_recipe(features: Path) -> ExtractRecipe:
    """What an extraction was asked for, by the record of its run.

    Raises:
        FileNotFoundError: If there is no record.
    """
    file = Path(features) / "config.yaml"
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such record of a zen-hf extract; expected it beside index.json")
    return load_recipe(ExtractRecipe, file, [])


def print_moments(moments: list[Moment]) -> None:
    """As a table."""
    table = Table(box=box.SIMPLE)
    for column, side in (("video", "left"), ("time", "right"), ("frame", "right"), ("cosine", "right")):
        table.add_column(column, justify=side, overflow="fold")
    for moment in moments:
        table.add_row(printable(moment.video), when(moment), str(moment.frame_index), f"{moment.cosine:.3f}")
    console.print(table)


def frames_at(moments: list[Moment], recipe: ExtractRecipe, videos: list[Path] | None) -> list[np.ndarray | None]:
    """The frame of every moment; None where its film is not at hand or cannot be read."""
    films = {film.name: film for film in find_films(films_at_hand(recipe) if videos is None else videos)}
    frames: dict[Moment, np.ndarray] = {}
    for name in sorted({moment.video for moment in moments} & films.keys()):
        try:
            with Video(films[name].path) as video:
                for moment in moments:
                    if moment.video == name and moment.frame_index < video.frame_count:
                        frames[moment] = video.at(float(video.times[moment.frame_index])).image
        except (VideoError, OSError):
            continue
    for source in recipe.frames if videos is None else ():
        frames |= pictures_at(moments, source)
    return [frames.get(moment) for moment in moments]


def films_at_hand(recipe: ExtractRecipe) -> list[str]:
    """Films and folders of an extraction that are still where they were."""
    return [path for path in recipe.videos if Path(path).exists()]


def pictures_at(moments: list[Moment], source: FrameSource) -> dict[Moment, np.ndarray]:
    """Those moments that are pictures of a source which is still there and can be read."""
    if not Path(source.path).exists():
        return {}
    frames, table = {}, load_places(source)
    for pictures in find_pictures(source):
        for moment in moments:
            if moment.video != pictures.name:
                continue
            numbers = [table[row].get("frame_index", place) for place, row in enumerate(pictures.rows)]
            if moment.frame_index in numbers:
                with open_image(table[pictures.rows[numbers.index(moment.frame_index)]]["image"]) as picture:
                    frames[moment] = np.array(picture.convert("RGB"))
    return frames
