# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Splits: lists of video ids in JSON, with a hash that is checked whenever one is loaded.

A file of `benchmark/splits/` reads

    {"name": ..., "origin": "ours" or "official", "unit": "patient", "source": where it was published,
     "folds": [{"train": [video ids], "val": [video ids], "test": [video ids]}, ...], "sha256": hash of all the rest}

Heads are chosen on `val`, or inside `train` where a split has none; `test` is read once, to score. `python -m
zen_hf.benchmark.split FILE.json` writes the hash into a new file.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

MINIATURE = "(miniature)"  # ends the name of a split on synthetic frames


@dataclass(frozen=True)
class Fold:
    """Videos to train on, to choose on (none: choose inside `train`) and to be tested on."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    val: tuple[str, ...] = ()

    @property
    def sides(self) -> dict[str, tuple[str, ...]]:
        """The videos of every side by its name, in the order they are used."""
        return {"train": self.train, "val": self.val, "test": self.test}

    @property
    def videos(self) -> tuple[str, ...]:
        """All videos of the fold."""
        return self.train + self.val + self.test


@dataclass(frozen=True)
class Split:
    """The folds of a task, who drew them ("ours" or "official"), and the hash of the file they came from."""

    name: str
    origin: str
    unit: str
    folds: tuple[Fold, ...]
    sha256: str

    @property
    def is_miniature(self) -> bool:
        """Whether this is what a miniature leaves of a split (`Task.split_in`): its scores are of synthetic frames."""
        return self.name.endswith(MINIATURE)

    @property
    def videos(self) -> list[str]:
        """Every video id of the split, sorted."""
        return sorted({video for fold in self.folds for video in fold.videos})

    def restricted_to(self, videos: Iterable[str], name: str) -> "Split":
        """Keep some videos alone, under another name: for a miniature, never for a result that is to be compared.

        Folds that lose all their videos are dropped.

        Args:
            videos: ids of the videos to keep.
            name: what the narrowed split is called in results.

        Raises:
            ValueError: if no fold is left, or a fold keeps some videos but none to train or to test on.
        """
        kept = set(videos)
        folds = []
        for index, fold in enumerate(self.folds):
            sides = {side: tuple(v for v in ids if v in kept) for side, ids in fold.sides.items()}
            empty = [side for side, ids in fold.sides.items() if ids and not sides[side]]
            if len(empty) == sum(bool(ids) for ids in fold.sides.values()):
                continue
            if empty:
                raise ValueError(
                    f"split {self.name}: of the videos {sorted(kept)} none is in {' or '.join(empty)} of fold {index}."
                )
            folds.append(Fold(**sides))
        if not folds:
            raise ValueError(f"split {self.name} has none of the videos {sorted(kept)}.")
        return replace(self, name=name, folds=tuple(folds))


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
        ValueError: if the content does not have the stored hash, or a video is on two sides of a fold.
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
    folds = tuple(
        Fold(tuple(fold["train"]), tuple(fold["test"]), tuple(fold.get("val", ()))) for fold in content["folds"]
    )
    for index, fold in enumerate(folds):
        require_disjoint(fold, f"{path}: fold {index}")
    return Split(content["name"], content["origin"], content["unit"], folds, found)


def require_disjoint(fold: Fold, where: str) -> None:
    """Refuse a fold with a video that is listed twice, or with nothing to train or to test on.

    Args:
        fold: what to check.
        where: how the message calls it.

    Raises:
        ValueError: if a video is on two sides or twice on one, or `train` or `test` is empty.
    """
    for video, times in sorted(Counter(fold.videos).items()):
        if times > 1:
            sides = [side for side, videos in fold.sides.items() if video in videos]
            both = f"both {' and '.join(sides)}" if len(sides) > 1 else f"{sides[0]} {times} times"
            raise ValueError(f"{where} has {[video]} in {both}; a video belongs to one side, once.")
    if not fold.train or not fold.test:
        raise ValueError(f"{where} has no video in {'test' if fold.train else 'train'}.")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        content = json.loads(Path(argument).read_text())
        content["sha256"] = split_hash(content)
        Path(argument).write_text(json.dumps(content, indent=1) + "\n")
