# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The folder of one run: what was asked, on what it ran, what happened, how it ended.

config.yaml       the resolved configuration
environment.json  versions, machine, seed, command line and time of the last start, and of those it resumed
log.jsonl         one JSON object per line while it runs
summary.json      written last: its presence means that the run is finished
"""

import errno
import json
import math
import os
import platform
import shlex
import shutil
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

import zen_hf
from zen_hf.atomic_files import atomic_write_text
from zen_hf.recipe_configuration import recipe_as_yaml

# What a result can depend on; those not installed are left out of environment.json.
RECORDED_PACKAGES = (
    "torch torchvision transformers tokenizers datasets accelerate evaluate peft safetensors huggingface_hub "
    "numpy scipy scikit-learn pillow av omegaconf timm"
).split()


# Seconds to wait for another process to leave a run: the loader's workers of a killed one notice after some.
PATIENCE = 20.0


class RunDirectory:
    """A run's folder; only the main process of a distributed run writes to it.

    Made by `RunDirectory.create`. In a distributed run every process creates one, then waits for the others.

    Attributes:
        path: The folder.
        is_main_process: Whether this process writes; in the others `log` and `finish` do nothing.
    """

    def __init__(self, path: Path, is_main_process: bool = True):
        self.path = Path(path)
        self.is_main_process = is_main_process
        self.lock = FileLock(self.path / ".lock", is_singleton=True)  # freed when this process ends, however it does

    @classmethod
    def create(
        cls,
        path: Path,
        config: Any,
        seed: int,
        resume: bool = False,
        is_main_process: bool = True,
        min_free_bytes: int = 64 * 2**20,
    ) -> "RunDirectory":
        """Make the folder, or take up the unfinished run in it, and write `config.yaml` and `environment.json`.

        Args:
            path: The folder; it and its parents are made when absent. Files of other kinds in it are left alone.
            config: Resolved configuration, a dataclass or a dict.
            seed: Seed of the run.
            resume: Go on with an unfinished run of the same configuration and seed; where there is none, start one.
            is_main_process: False in the other processes of a distributed run: nothing is checked or written.
            min_free_bytes: Space that the run needs, in bytes.

        Raises:
            FileExistsError: The folder holds a finished run, an unfinished one and `resume` is False, or one that another
                process is writing to.
            ValueError: The configuration or seed differs from that of the run to resume; the message names the keys.
            OSError: `path` cannot be written or its disk has less than `min_free_bytes` left.
        """
        run = cls(path, is_main_process)
        if not is_main_process:
            return run
        path, existed = run.path, run.path.is_dir()
        if path.exists() and not existed:
            raise FileExistsError(f"{path} is a file, expected a folder for the run; choose another output folder")
        if (path / "summary.json").exists():
            if resume and (path / "config.yaml").exists():
                run._check_same_run(config, seed)  # says which key differs, where one does
            raise FileExistsError(f"{path} already holds a finished run (summary.json); choose another output folder")
        started = any((path / name).exists() for name in ("config.yaml", "environment.json", "log.jsonl"))
        if started and not resume:
            raise FileExistsError(f"{path} holds an unfinished run; resume it, or choose another output folder")
        environment = describe_environment(seed)
        if started:
            run._lock()
            environment["earlier_starts"] = run._check_same_run(config, seed)
            _cut_torn_line(path / "log.jsonl")
        try:
            path.mkdir(parents=True, exist_ok=True)
            _check_free_space(path, min_free_bytes)
            run._lock()
            if not started and (path / "config.yaml").exists():
                raise FileExistsError(
                    f"{path}: another process has just begun a run there; choose another output folder"
                )
            atomic_write_text(path / "environment.json", _json(environment, indent=2) + "\n")
            if not started:  # last: a folder without it holds no run that could be resumed
                atomic_write_text(path / "config.yaml", recipe_as_yaml(config))
        except BaseException:
            if not existed and run.lock.is_locked:
                shutil.rmtree(path, ignore_errors=True)
            elif not existed:  # empty, or another process's
                with suppress(OSError):
                    path.rmdir()
            raise
        return run

    def log(self, **fields: Any) -> None:
        """Append one line to `log.jsonl`: the fields, after the UTC `time`.

        Values are numbers, strings, booleans, None, one-element tensors, and lists and dicts of those. JSON has no NaN
        and no infinity: both are written as null, so that a diverging run leaves a log that every reader accepts.
        After a resume, the steps since its checkpoint stand twice; the later line counts.

        Raises:
            TypeError: A value is of another type; the message names the field.
            OSError: The disk is full; `create(resume=True)` cuts the torn line off.
        """
        if not self.is_main_process:
            return
        line = _json({"time": _now(), **fields})
        with open(self.path / "log.jsonl", "a", encoding="utf-8") as file:  # closed, so flushed, at every line
            file.write(line + "\n")

    def finish(self, summary: dict[str, Any]) -> None:
        """Write `summary.json` (values as in `log`), which marks the run as finished."""
        if self.is_main_process:
            atomic_write_text(self.path / "summary.json", _json(summary, indent=2) + "\n")

    def _lock(self) -> None:
        """Hold the run until this process ends, so that no second one writes to it."""
        try:
            self.lock.acquire(timeout=PATIENCE)
        except Timeout as error:
            raise FileExistsError(
                f"{self.path}: another process is writing to this run; wait until it ends, or end it: processes live on "
                "when the torchrun that started them is killed"
            ) from error

    def _check_same_run(self, config: Any, seed: int) -> list[dict[str, Any]]:
        """Refuse to resume with another configuration or seed; return the environments of the earlier starts."""
        try:
            before = yaml.safe_load((self.path / "config.yaml").read_text(encoding="utf-8"))
            earlier = json.loads((self.path / "environment.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError, yaml.YAMLError) as error:
            raise ValueError(
                f"{self.path}: cannot resume, config.yaml or environment.json is missing or unreadable; "
                "choose another output folder"
            ) from error
        now = yaml.safe_load(recipe_as_yaml(config))
        was, new = {**_flat(before), "seed": earlier["seed"]}, {**_flat(now), "seed": seed}
        differing = sorted(key for key in was.keys() | new.keys() if was.get(key, "unset") != new.get(key, "unset"))
        if differing:
            changes = ", ".join(
                f"{key} (was {was.get(key, 'unset')}, now {new.get(key, 'unset')})" for key in differing
            )
            raise ValueError(
                f"{self.path}: cannot resume with another configuration: {changes}; "
                "restore these values, or choose another output folder"
            )
        return [*earlier.pop("earlier_starts", []), earlier]


def is_distillation(path: Path) -> bool:
    """Whether a folder is a run of `zen-hf distill`, finished or not: its configuration names teachers."""
    config = Path(path) / "config.yaml"
    return config.is_file() and "teachers" in (yaml.safe_load(config.read_text(encoding="utf-8")) or {})


def describe_environment(seed: int) -> dict[str, Any]:
    """Return what a result depends on beside its configuration: versions, machine, seed, command line and UTC time."""
    packages = {"zen_hf": zen_hf.__version__}
    for name in RECORDED_PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "time": _now(),
        "seed": seed,
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu_count": os.cpu_count(),
        "packages": packages,
    }


def _check_free_space(path: Path, needed: int) -> None:
    """Raise OSError if the disk of `path` has less than `needed` bytes left."""
    free = shutil.disk_usage(path).free
    if free < needed:
        text = (
            f"{path}: {free / 1e6:.0f} MB free, the run needs {needed / 1e6:.0f} MB; free space or choose another disk"
        )
        raise OSError(errno.ENOSPC, text)


def _cut_torn_line(path: Path) -> None:
    """Remove a last line that a killed process or a full disk left without its end."""
    if path.exists() and (content := path.read_bytes()) and not content.endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)


def _now() -> str:
    """Return the UTC time, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _json(fields: dict[str, Any], indent: int | None = None) -> str:
    """Return strict JSON; see `RunDirectory.log` for the values."""
    return json.dumps(
        {name: _json_value(value, name) for name, value in fields.items()}, indent=indent, allow_nan=False
    )


def _json_value(value: Any, field: str) -> Any:
    """Turn one value into what strict JSON knows; `field` names it in an error."""
    if isinstance(value, dict):
        return {str(key): _json_value(item, f"{field}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(item, f"{field}.{index}") for index, item in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):  # numpy scalars, one-element tensors
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{field} is a {type(value).__name__}, expected a number, string, boolean, None, list or dict")


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested dicts and lists as one dict of dotted keys."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    flat = {}
    for key, value in items:
        nested = isinstance(value, (dict, list)) and value
        flat |= _flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat
