# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Prompts: what each class of a task is called in words, from the JSON files of `benchmark/prompts/` or a user's own.

A file reads

    {"name": ..., "version": 1, "targets": {
        "phase": {"present": {label: [paraphrases]}},
        "tool": {"present": {label: [paraphrases]}, "absent": [paraphrases] or {label: [paraphrases]}},
        "triplet": {"product_of": ["instrument", "verb", "target"]},
        "other": {"same_as": "file/target"}}}

The k-th paraphrases of all classes are the k-th set, and so are worded alike. A target with several labels per frame has
beside every prompt one for a frame without the class. It is worded as what is seen instead, without a "no": image-text models
hardly read negations. A target whose labels name a class of each of several others, with commas between, is their product.
"""

import difflib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from .task import Target, Task

FOLDER = Path(__file__).parent / "prompts"


@dataclass(frozen=True)
class TargetPrompts:
    """The words of one target's classes.

    Args:
        present: label -> paraphrases, as many for each.
        absent: label -> paraphrases for a frame without the class; empty where a frame has one class.
        product_of: names of the targets whose classes each label names; empty where it has words of its own.
    """

    present: dict[str, tuple[str, ...]]
    absent: dict[str, tuple[str, ...]]
    product_of: tuple[str, ...] = ()

    @property
    def sets(self) -> int:
        """Number of paraphrases per class; 0 of a product."""
        return len(next(iter(self.present.values()), ()))


@dataclass(frozen=True)
class TaskPrompts:
    """The words of a task.

    Args:
        name: of the file.
        version: of its wording.
        sha256: hash of all words, whatever the layout of the file.
        targets: name of the target -> its prompts.
    """

    name: str
    version: int
    sha256: str
    targets: dict[str, TargetPrompts]


def has_prompts(task: str) -> bool:
    """Whether a task comes with prompts of ours."""
    return (FOLDER / f"{task}.json").is_file()


def prompts_file(given: Path | None, task: str) -> Path | None:
    """A user's own prompts of a task: the file that was given, or `<task>.json` in the folder; None where none was given."""
    return given / f"{task}.json" if given is not None and given.is_dir() else given


def load_prompts(task: Task, path: Path | None = None) -> TaskPrompts:
    """The prompts of a task.

    Args:
        task: whose targets with one or several labels per frame must all have prompts.
        path: a user's own file; by default ours.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not of the form above, or a label lacks prompts; the message names them.
    """
    path = Path(path) if path is not None else FOLDER / f"{task.name}.json"
    content = read_file(path)
    wanted = [target for target in task.targets if not target.is_dense]
    missing = [target.name for target in wanted if target.name not in content["targets"]]
    if missing:
        raise ValueError(
            f"{path}: no prompts for the targets {missing} of task {task.name}; it has {list(content['targets'])}."
        )
    described = {target.name: resolved(content["targets"][target.name], path) for target in wanted}
    targets = {target.name: target_prompts(target, described, f"{path}: {target.name}") for target in wanted}
    hashed = json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return TaskPrompts(content["name"], content["version"], hashlib.sha256(hashed.encode()).hexdigest(), targets)


def read_file(path: Path) -> dict:
    """A prompt file's content.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is no JSON, or has other keys than "name", "version" and "targets".
    """
    if not path.is_file():
        known = ", ".join(sorted(other.stem for other in FOLDER.glob("*.json")))
        raise FileNotFoundError(f"no prompts at {path}; give a file of your own, or a task with ours: {known}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON ({error}).") from error
    if not isinstance(content, dict) or content.keys() != {"name", "version", "targets"}:
        found = sorted(content) if isinstance(content, dict) else type(content).__name__
        raise ValueError(f"{path}: found {found}; expected the keys name, targets, version.")
    return content


def resolved(described: dict, path: Path) -> dict:
    """A target's entry, or the one in a file of ours that it points to by `same_as`."""
    if "same_as" not in described:
        return described
    file, _, target = described["same_as"].partition("/")
    known = read_file(FOLDER / f"{file}.json")["targets"]
    if target not in known:
        raise ValueError(
            f"{path}: same_as is {described['same_as']!r}, but {file}.json has the targets {list(known)}."
        )
    return known[target]


def target_prompts(target: Target, described: dict[str, dict], where: str) -> TargetPrompts:
    """Check and complete the entry of one target.

    Args:
        target: what is predicted.
        described: entries of all the task's targets.
        where: how messages call it.

    Raises:
        ValueError: if it does not fit the target.
    """
    entry = described[target.name]
    if "product_of" in entry:
        parts = tuple(entry["product_of"])
        unknown = [part for part in parts if "present" not in described.get(part, {})]
        odd = [label for label in target.labels if len(label.split(",")) != len(parts)]
        if unknown or odd:
            raise ValueError(
                f"{where} is the product of {list(parts)}; without prompts of their own are {unknown}, and labels that "
                f"do not name {len(parts)} classes are {odd[:3]}."
            )
        return TargetPrompts({}, {}, parts)
    if extra := entry.keys() - {"present", "absent"}:
        raise ValueError(f"{where} has the keys {sorted(extra)}; expected present, absent, product_of or same_as.")
    present = paraphrases(entry.get("present", {}), target.labels, f"{where}, present")
    absent = entry.get("absent")
    if (absent is not None) != (target.kind == "multi_label"):
        wish = (
            "needs absent prompts too" if absent is None else "cannot have absent prompts: one class is always there"
        )
        raise ValueError(f"{where}, of the kind {target.kind}, {wish}.")
    if absent is None:
        absent = {}
    else:
        absent = absent if isinstance(absent, dict) else dict.fromkeys(target.labels, absent)
        absent = paraphrases(absent, target.labels, f"{where}, absent")
        if {len(texts) for texts in absent.values()} != {len(texts) for texts in present.values()}:
            raise ValueError(f"{where} has other numbers of absent than of present prompts; expected as many of each.")
    return TargetPrompts(present, absent)


def paraphrases(found: dict, labels: tuple[str, ...], where: str) -> dict[str, tuple[str, ...]]:
    """Paraphrases of every label in the order of the labels.

    Raises:
        ValueError: if a label has none, one is unknown, they are not texts, or not as many for each.
    """
    missing = [label for label in labels if not found.get(label)]
    unknown = [label for label in found if label not in labels]
    if missing or unknown:
        near = difflib.get_close_matches(unknown[0], labels, 1) if unknown else []
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"{where}: labels without prompts: {missing}; prompts without a label: {unknown}{hint}.")
    for label, texts in found.items():
        if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
            raise ValueError(f"{where}: prompts of {label!r} are {texts!r}; expected a list of texts.")
    counts = {label: len(found[label]) for label in labels}
    if len(set(counts.values())) > 1:
        raise ValueError(f"{where}: numbers of prompts differ: {counts}; expected as many for each class.")
    return {label: tuple(found[label]) for label in labels}
