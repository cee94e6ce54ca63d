# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Where the log goes beside `log.jsonl`: TensorBoard, trackio and whatever else Accelerate knows."""

from dataclasses import asdict
from typing import Any

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

EXTRAS = ("tensorboard", "trackio")  # of this package, in pyproject.toml


def require_trackers(names: list[str]) -> None:
    """Checks that trackers exist and are installed; Accelerate would leave out those that are not without a word.

    Raises:
        ValueError: A name that Accelerate does not know, or whose package is missing.
    """
    known, installed = sorted(LOGGER_TYPE_TO_CLASS), {str(tracker) for tracker in get_available_trackers()}
    for name in names:
        if name not in known:
            raise ValueError(f"training.trackers names {name!r}; expected some of {', '.join(known)}")
        if name not in installed:
            package = f"zen-hf[{name}]" if name in EXTRAS else name
            raise ValueError(f"training.trackers names {name}, which is not installed: pip install {package}")


def flat_settings(config: Any) -> dict[str, bool | int | float | str]:
    """The leaves of a recipe under dotted keys, as trackers take them: `teachers.0.name`.

    Args:
        config: A resolved recipe, a dataclass.
    """

    def leaves(tree: Any, key: str):
        if isinstance(tree, (dict, list)) and tree:
            for name, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
                yield from leaves(value, f"{key}.{name}" if key else str(name))
        else:
            yield key, tree if isinstance(tree, (bool, int, float, str)) else str(tree)

    return dict(leaves(asdict(config), ""))
