# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Which videos are for training, validation and test: whole patients, drawn by a seed, alike in procedures."""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..parts import VideoRecord


@dataclass
class SplitSettings:
    """How videos are divided.

    Attributes:
        by: `"patient"` keeps all videos of a patient together; `"video"` divides videos, whosever they are.
        validation: Share of the patients (or videos) that are for validation, from 0 to below 1.
        test: Share that is for test; with `validation` below 1.
        seed: Chooses which.
        lists: JSON file `{split: [ids]}` of patient ids (or video ids) that decides in place of shares and seed. Who is
            in no list is for training, unless the file has a list `train`: then every id must be in one.
    """

    by: str = "patient"
    validation: float = 0.1
    test: float = 0.0
    seed: int = 0
    lists: str | None = None

    def __post_init__(self):
        if self.by not in ("patient", "video"):
            raise ValueError(f"splits.by is {self.by!r}; expected 'patient' or 'video'")
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise ValueError(
                f"splits.validation is {self.validation} and splits.test {self.test}; expected shares from 0 that sum to "
                "less than 1, so that frames are left to train on"
            )


@dataclass(frozen=True)
class Splits:
    """The split of every video.

    Attributes:
        of_video: Video id to `train`, `validation`, `test`, or a name of the user's list.
        notes: What the user should know of them.
    """

    of_video: dict[str, str]
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The splits that have videos: train, validation and test first."""
        usual = ("train", "validation", "test")
        found = set(self.of_video.values())
        return [name for name in usual if name in found] + sorted(found - set(usual))

    def videos(self, split: str) -> list[str]:
        """Ids of the videos of a split, sorted."""
        return sorted(video for video, of in self.of_video.items() if of == split)


def divide(records: Sequence[VideoRecord], frames: dict[str, int], settings: SplitSettings) -> Splits:
    """Divides the videos that have frames.

    Args:
        records: All videos; the lists may name those without frames too.
        frames: Video id to number of frames that stay.
        settings: How.

    Raises:
        ValueError: If lists name an id that does not exist or twice, forget one, or leave nothing to train on.
        FileNotFoundError: If there is no such file of lists.
    """
    unit_of = {
        record.video_id: record.patient_id if settings.by == "patient" else record.video_id for record in records
    }
    shown = [record for record in records if frames.get(record.video_id)]
    units: dict[str, list[VideoRecord]] = defaultdict(list)
    for record in sorted(shown, key=lambda record: record.video_id):
        units[unit_of[record.video_id]].append(record)
    if settings.lists is not None:
        of_unit, notes = listed(Path(settings.lists), set(units), set(unit_of.values()), settings.by), []
    else:
        of_unit, notes = drawn(main_procedures(units, frames), settings)
    splits = {record.video_id: of_unit[unit] for unit, members in units.items() for record in members}
    if "train" not in splits.values():
        raise ValueError(f"{settings.lists}: no frame is left for the split 'train'; take ids out of the other lists")
    return Splits(dict(sorted(splits.items())), notes + shared_patients(shown, splits))


def listed(file: Path, units: set[str], known: set[str], by: str) -> dict[str, str]:
    """The split of every unit by the user's lists."""
    if not file.is_file():
        raise FileNotFoundError(f"splits.lists is {str(file)!r}; expected a JSON file {{split: [{by} ids]}}")
    try:
        lists = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"splits.lists {file}: no JSON ({error}); expected {{split: [{by} ids]}}") from error
    if not isinstance(lists, dict) or not all(isinstance(ids, list) for ids in lists.values()):
        raise ValueError(f"splits.lists {file}: expected an object {{split: [{by} ids]}}")
    wrong = [name for name in lists if not re.fullmatch(r"\w+", name)]
    if wrong:
        raise ValueError(f"splits.lists {file}: a split is named {wrong[0]!r}; expected letters, digits and _ alone")
    named = Counter(unit for ids in lists.values() for unit in ids)
    twice = sorted(str(unit) for unit, times in named.items() if times > 1)
    unknown = sorted(str(unit) for unit in set(named) - known)
    forgotten = sorted(units - set(named)) if "train" in lists else []
    for problem, ids in (("twice", twice), ("of no video", unknown), ("in no list", forgotten)):
        if ids:
            raise ValueError(
                f"splits.lists {file}: {len(ids)} {by} id{'s' if len(ids) > 1 else ''} {problem}, such as {ids[0]!r}; "
                f"expected each {by} id of the output once"
            )
    return dict.fromkeys(units, "train") | {unit: name for name, ids in lists.items() for unit in ids if unit in units}


def main_procedures(units: dict[str, list[VideoRecord]], frames: dict[str, int]) -> dict[str, str]:
    """The procedure that most frames of a unit show."""
    main = {}
    for unit, members in units.items():
        counts: Counter = Counter()
        for record in members:
            counts[record.procedure] += frames[record.video_id]
        main[unit] = min(counts, key=lambda procedure: (-counts[procedure], procedure))
    return main


def drawn(procedures: dict[str, str], settings: SplitSettings) -> tuple[dict[str, str], list[str]]:
    """Splits by shares: every n-th unit in the order of procedures, so that every procedure gives its share.

    Within a procedure the order is that of a hash of seed and id. A procedure with one patient stays in training.
    """
    of_unit, notes = dict.fromkeys(procedures, "train"), []
    shares = {name: share for name, share in (("test", settings.test), ("validation", settings.validation)) if share}
    plural = "patients" if settings.by == "patient" else "videos"
    if shares and len(procedures) <= 2 * len(shares):
        notes.append(
            f"{len(procedures)} {plural if len(procedures) > 1 else settings.by}: too few to hold any out for "
            f"{' and '.join(sorted(shares))}; all are for training"
        )
        return of_unit, notes
    for name, share in shares.items():
        left = Counter(procedures[unit] for unit, split in of_unit.items() if split == "train")
        free = [unit for unit, split in of_unit.items() if split == "train"]
        wanted = min(max(1, round(share * len(procedures))), len(free) - 1)
        choice = [unit for unit in free if left[procedures[unit]] > 1]
        if len(choice) < 2 * wanted:  # else a procedure could lose all of its patients
            choice = free
            notes.append(f"{name}: too few {plural} of the same procedure to keep every procedure in training")
        choice.sort(key=lambda unit: (procedures[unit], place(settings.seed, unit)))
        for number in range(wanted):
            of_unit[choice[(2 * number + 1) * len(choice) // (2 * wanted)]] = name
        if abs(wanted / len(procedures) - share) > 0.5 * share:
            notes.append(
                f"{name}: {wanted} of {len(procedures)} {plural}, which is {wanted / len(procedures):.0%} where "
                f"{share:.0%} were asked for: {plural} are not divided"
            )
    return of_unit, notes


def place(seed: int, unit: str) -> str:
    """Where a unit stands in the order of a seed."""
    return hashlib.sha256(f"{seed}:{unit}".encode()).hexdigest()


def shared_patients(records: Sequence[VideoRecord], splits: dict[str, str]) -> list[str]:
    """Says if a patient is in several splits, as a division by video allows."""
    of_patient = defaultdict(set)
    for record in records:
        of_patient[record.patient_id].add(splits[record.video_id])
    several = sum(len(found) > 1 for found in of_patient.values())
    return [f"{several} patients have videos in several splits: scores there are of known patients"] if several else []
