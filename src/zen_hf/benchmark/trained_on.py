# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What an encoder was trained on: read from its folder, from the list of public encoders, or from a file of the user.

A file `training_data.json`, which `zen-hf distill` writes into every student's folder, reads

    {"format": "zen-hf training data 1", "name": ..., "complete": whether nothing else was seen, by it or by its teachers,
     "corpora": [names in `training_data/corpora.json`],
     "patients": {"unlabelled": [...], "labelled": [...]},
     "frames": [{"source", "licence", "patients_of", "videos"}], "teachers": [the same again, for each], "note": ...}

Patients have the names of `Source.patient`, such as "cholec80:49", the same in every dataset that shows the operation;
"cholec80:*" stands for all (`known_patients.py`). Videos of private frames are named by a SHA-256 alone, and their patients
by nothing: `patients_of` is "own" there.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from transformers.utils import cached_file

from zen_hf.data.frame_sources import Frames, FrameSource

from .known_patients import OTHER, PRIVATE, known_datasets, known_patients, require_known
from .readers.source import Source

FORMAT = "zen-hf training data 1"
FILE = "training_data.json"
OWN = "own"  # `patients_of` of frames whose patients are in no published dataset that ships here, and have no names
LISTS = Path(__file__).parent / "training_data"
KEYS = {"format", "name", "complete", "corpora", "patients", "frames", "teachers", "note"}


@dataclass(frozen=True)
class TrainingData:
    """What an encoder was trained on.

    Args:
        name: what messages call the encoder.
        complete: whether nothing was seen but what is listed; its teachers answer for themselves.
        corpora: names in `training_data/corpora.json`, seen without labels of a benchmark.
        unlabelled: patients seen without labels, such as "cholec80:49", or "cholec80:*" for all of a dataset.
        labelled: patients seen with labels.
        frames: where frames came from: source, licence, `patients_of` and videos.
        teachers: training data of what it was distilled from or started from.
        note: anything else.
    """

    name: str
    complete: bool
    corpora: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    labelled: tuple[str, ...] = ()
    frames: tuple[dict, ...] = ()
    teachers: tuple["TrainingData", ...] = ()
    note: str = ""

    def parts(self) -> Iterator["TrainingData"]:
        """This encoder, its teachers, theirs, and so on."""
        yield self
        for teacher in self.teachers:
            yield from teacher.parts()

    @property
    def saw_unnamed(self) -> bool:
        """Whether it saw patients of its maker's own, who have no names that those of a task can be compared with."""
        private = tuple(f"{word}:" for word in PRIVATE)
        named = any(patient.startswith(private) for patient in self.unlabelled + self.labelled)
        return named or any(entry.get("patients_of") == OWN for entry in self.frames)

    def as_dict(self) -> dict:
        """The content of a `training_data.json`."""
        return {
            "format": FORMAT,
            "name": self.name,
            "complete": self.complete,
            "corpora": list(self.corpora),
            "patients": {"unlabelled": list(self.unlabelled), "labelled": list(self.labelled)},
            "frames": list(self.frames),
            "teachers": [teacher.as_dict() for teacher in self.teachers],
            "note": self.note,
        }


UNTRAINED = TrainingData("an untrained encoder", complete=True)  # random weights, raw pixels


def training_data_of(model: str, revision: str | None = None, file: Path | None = None) -> TrainingData | None:
    """What is known of an encoder's training data.

    A local folder without `training_data.json` is unknown, even if it looks like a copy of a public encoder: its weights
    may have been trained on. Say what it is with a file.

    Args:
        model: Hub id, timm name or folder, as the benchmark takes it.
        revision: of the Hub repository.
        file: the user's own statement, which then counts alone.

    Returns:
        What is known, or None.

    Raises:
        FileNotFoundError: if `file` is given and missing.
        ValueError: if a file is malformed.
    """
    if file is not None:
        return read_training_data(file)
    if Path(model).is_dir():
        path = Path(model) / FILE
        return read_training_data(path) if path.is_file() else None
    public = public_encoder(model)
    if public is not None:
        return public
    if "/" not in model:  # a name of timm's, whose weights have nothing beside them
        return None
    path = cached_file(
        model,
        FILE,
        revision=revision,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return read_training_data(Path(path)) if path else None


def public_encoder(model: str) -> TrainingData | None:
    """What `training_data/public_encoders.json` says of a Hub id or timm name; None if nothing."""
    repository = model if "/" in model else f"timm/{model}"
    for entry in json.loads((LISTS / "public_encoders.json").read_text()):
        if any(fnmatchcase(repository, pattern) for pattern in entry["models"]):
            return TrainingData(model, entry["complete"], tuple(entry["corpora"]), note=entry["note"])
    return None


def known_corpora() -> dict[str, dict]:
    """Every corpus by its name: title, patients that it holds, patients that it possibly holds, note."""
    return json.loads((LISTS / "corpora.json").read_text())


def read_training_data(path: Path) -> TrainingData:
    """Read a `training_data.json`.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is no JSON, has another format, an unknown, missing or mistyped entry, or a dataset or patient
            that there is not.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected a statement of training data, see docs/leakage.md.")
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error}).") from error
    return from_dict(content, str(path))


def from_dict(content: dict, where: str) -> TrainingData:
    """Training data from the content of a file.

    Args:
        content: as in the file.
        where: how messages call it.

    Raises:
        ValueError: as for `read_training_data`.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise ValueError(f"{where}: format is {found!r}; expected {FORMAT!r}.")
    for key in sorted(content.keys() - KEYS):
        nearest = difflib.get_close_matches(key, KEYS, n=1) or [", ".join(sorted(KEYS))]
        raise ValueError(f"{where}: unknown entry {key!r}; did you mean {nearest[0]}?")
    if not isinstance(content.get("name"), str) or not isinstance(content.get("complete"), bool):
        raise ValueError(f"{where}: expected 'name', a text, and 'complete', true or false.")
    patients = content.get("patients", {})
    if not isinstance(patients, dict) or patients.keys() - {"unlabelled", "labelled"}:
        raise ValueError(f"{where}: patients is {patients!r}; expected {{'unlabelled': [...], 'labelled': [...]}}.")
    unlabelled, labelled = (_texts(patients.get(key, []), f"{where}: {key}") for key in ("unlabelled", "labelled"))
    require_known(unlabelled + labelled, where)
    corpora = _texts(content.get("corpora", []), f"{where}: corpora")
    for corpus in sorted(set(corpora) - known_corpora().keys()):
        known = ", ".join(sorted(known_corpora()))
        raise ValueError(f"{where}: unknown corpus {corpus!r}; known are {known}. Of any other, list the patients.")
    for key in ("frames", "teachers"):
        if not isinstance(content.get(key, []), list):
            raise ValueError(f"{where}: {key} is {content[key]!r}; expected a list.")
    return TrainingData(
        name=content["name"],
        complete=content["complete"],
        corpora=corpora,
        unlabelled=unlabelled,
        labelled=labelled,
        frames=_frames(content.get("frames", []), where),
        teachers=tuple(
            from_dict(teacher, f"{where}: teacher {i}") for i, teacher in enumerate(content.get("teachers", []))
        ),
        note=str(content.get("note", "")),
    )


def distilled_on(
    sources: Sequence[FrameSource], frames: Frames, inherited: dict[str, TrainingData | None], name: str = "zen"
) -> TrainingData:
    """Training data of a student: the frames that it sees, without labels, and what its teachers saw.

    Nothing private leaves: a folder is called "local", and a video is named by the SHA-256 of "source:id" unless its source
    says that it is of a public dataset. (Who can guess source and id can confirm the guess.)

    Args:
        sources: where the frames came from.
        frames: the frames that are trained on, with the columns `source` and `video_id`; held-out videos are gone.
        inherited: training data of every teacher, and of the weights that the student started from, by name; None where
            nothing is known.
        name: of the student.

    Raises:
        ValueError: if `patients_of` is no dataset, or a video id does not fit it.
    """
    videos_of: dict[str, set[str]] = {}
    for path, video in set(zip(frames["source"][:], frames["video_id"][:], strict=True)):
        videos_of.setdefault(path, set()).add(video)
    described, patients = [], set()
    for source in sources:
        videos = sorted(videos_of.get(source.path, ()))
        named = source.patients_of not in (None, OWN)
        if named:
            patients |= set(patients_named(source, videos))
        described.append(
            {
                "source": "local" if Path(source.path).exists() else source.path,
                "licence": source.licence,
                "patients_of": source.patients_of,
                "videos": videos if named else [_hashed(source.path, video) for video in videos],
            }
        )
    silent = [entry["source"] for entry in described if entry["patients_of"] is None]
    return TrainingData(
        name=name,
        complete=not silent,
        unlabelled=tuple(sorted(patients)),
        frames=tuple(described),
        teachers=tuple(
            TrainingData(teacher, complete=False, note="no statement of its training data") if data is None else data
            for teacher, data in inherited.items()
        ),
        note=f"patients_of is not set for {len(silent)} of {len(described)} sources" if silent else "",
    )


def patients_named(source: FrameSource, videos: Iterable[str]) -> list[str]:
    """Names of the patients of a public dataset's videos.

    Args:
        source: frames whose `patients_of` names the dataset.
        videos: their ids.

    Raises:
        ValueError: if there is no such dataset, or an id does not fit it.
    """
    dataset = dataset_source(source.patients_of)
    known, names = set(known_patients()[dataset.name].values()), []
    for video in videos:
        try:
            name = dataset.patient(video)
        except (ValueError, IndexError):
            name = None
        if name not in known:
            raise ValueError(
                f"{source.path}: video {video!r} is no id of {dataset.title}; set patients_of to the dataset that the "
                f"frames are of, to {OWN!r} if their patients are in no public dataset, or set `video` so that it finds "
                "the ids."
            )
        names.append(name)
    return names


def dataset_source(name: str) -> Source:
    """A published dataset by its name.

    Raises:
        ValueError: if there is none; the message lists them all.
    """
    known = known_datasets()
    if name not in known:
        raise ValueError(f"patients_of is {name!r}; expected {OWN!r} or one of {', '.join(sorted(known))}.")
    return known[name]


def _hashed(source: str, video: str) -> str:
    return "sha256:" + hashlib.sha256(f"{source}:{video}".encode()).hexdigest()


def _frames(entries: list, where: str) -> tuple[dict, ...]:
    """Refuse frames of a dataset that there is not, which would look clean."""
    for entry in entries:
        if not isinstance(entry, dict):
            raise ValueError(
                f"{where}: frames has {entry!r}; expected {{'source', 'licence', 'patients_of', 'videos'}}."
            )
        dataset = entry.get("patients_of")
        if isinstance(dataset, str) and dataset.startswith(f"{OTHER}:"):
            require_known([dataset], where)
        elif dataset not in (None, OWN, *known_patients()):
            known = ", ".join(sorted(known_patients()))
            raise ValueError(
                f"{where}: patients_of is {dataset!r}; expected null, {OWN!r}, '{OTHER}:NAME' or one of {known}."
            )
    return tuple(entries)


def _texts(values: object, where: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{where}: found {values!r}; expected a list of texts.")
    return tuple(values)
