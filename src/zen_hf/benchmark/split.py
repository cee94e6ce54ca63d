# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Splits: lists of video ids in JSON, with a hash that is checked whenever one is loaded.

A file of `benchmark/splits/` reads

    {"name": ..., "origin": "ours" or "official", "unit": "patient",
     "folds": [{"train": [video ids], "test": [video ids]}, ...], "sha256": hash of all the rest}

Heads are chosen inside `train`; `test` is read once, to score.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Fold:
    """Videos to train and choose a head on, and the videos it is tested on."""

    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """The folds of a task, who drew them ("ours" or "official"), and the hash of the file they came from."""

    name: str
    origin: str
    unit: str
    folds: tuple[Fold, ...]
    sha256: str

    @property
    def videos(self) -> list[str]:
        """Every video id of the split, sorted."""
        return sorted({video for fold in self.folds for video in fold.train + fold.test})

    def held_out(self, videos: Iterable[str]) -> "Split":
        """Keep the folds that test exactly on one of these videos.

        Args:
            videos: ids of the videos to hold out, each the sole test video of one fold.

        Raises:
            ValueError: if there is no video, or one that no fold holds out.
        """
        wanted = {videos} if isinstance(videos, str) else set(videos)
        available = {fold.test[0]: fold for fold in self.folds if len(fold.test) == 1}
        if not wanted or not wanted <= available.keys():
            raise ValueError(
                f"split {self.name} cannot hold out {sorted(wanted - available.keys()) or 'no video'}: "
                f"its single held-out videos are {sorted(available)}."
            )
        return replace(
            self, folds=tuple(fold for fold in self.folds if fold.test[0] in wanted and len(fold.test) == 1)
        )


def split_hash(content: dict) -> str:
    """SHA-256 of a split file's content, whatever its layout and without its own "sha256" entry."""
    hashed = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def load_split(name: str, folder: Path | None = None) -> Split:
    """Load a split and check that it is the one that was published.

    Args:
        name: name of the file, without ".json".
        folder: where the file lies; by default the splits that come with the package.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the content does not have the stored hash, or a video is on both sides of a fold.
    """
    path = (folder or Path(__file__).parent / "splits") / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(other.stem for other in path.parent.glob("*.json")))
        raise FileNotFoundError(f"no split {name!r} at {path}; the known splits are: {known}.")
    content = json.loads(path.read_text())
    found = split_hash(content)
    if found != content["sha256"]:
        raise ValueError(
            f"{path}: the split was changed: its content has the SHA-256 {found}, the file says {content['sha256']}. "
            "Restore the file; a different split needs a different name and its own hash."
        )
    folds = tuple(Fold(train=tuple(fold["train"]), test=tuple(fold["test"])) for fold in content["folds"])
    for index, fold in enumerate(folds):
        both = sorted(set(fold.train) & set(fold.test))
        if both:
            raise ValueError(f"{path}: fold {index} has {both} in both train and test; a video belongs to one side.")
    return Split(content["name"], content["origin"], content["unit"], folds, found)
