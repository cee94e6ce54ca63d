# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What is known of a published dataset beside how to read it."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Source:
    """A published dataset, as its authors hand it out.

    Args:
        name: name of its reader's file, and of the folder of its miniature.
        title: what its authors call it.
        licence: of frames and labels.
        fps: rate that the column `frame` counts at.
        files: patterns of the files that the download has for every video, with `{video}` for the id, which holds no
            slash; `*` matches any characters, slashes too.
        pictures: patterns of frames, likewise.
        shared: patterns of files that serve several videos.
        ignored: patterns of official files that no task here reads.
        defects: known defects of the official files, each with what the reader does about it.
        patient: video id -> name of the patient, the same in every dataset that shows this operation.
        corpora: pretraining corpora known to hold these videos, each with how much.
    """

    name: str
    title: str
    licence: str
    fps: float
    files: tuple[str, ...]
    patient: Callable[[str], str]
    pictures: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    corpora: dict[str, str] = field(default_factory=dict)
