# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What the charts of a report show: which values of a run's log belong together."""

Line = tuple[list[float], list[float]]  # steps, values
Panel = tuple[str, dict[str, Line]]  # title, name to line

TIMES = {"data_wait": "waiting for data", "teacher_time": "teachers", "student_time": "student"}


def training_panels(lines: list[dict], teachers: list[str]) -> list[Panel]:
    """Charts of the training itself, in the order of a reader's questions; what an older log lacks has no chart.

    Args:
        lines: Lines of `log.jsonl`.
        teachers: Names of the teachers.
    """
    steps = by_step([line for line in lines if "step" in line and "event" not in line])
    panels = [(f"losses of {teacher}", series(steps, f"{teacher}/")) for teacher in teachers]
    panels += [
        ("loss per source", series(steps, "source/")),
        ("gradient norm", series(steps, "gradient_norm")),
        ("learning rate", series(steps, "lr")),
        ("images per second", series(steps, "images_per_second")),
        ("share of time", {name: line for key, name in TIMES.items() for line in series(steps, key).values()}),
        ("memory in GB", series(steps, "memory_gb")),
    ]
    return [panel for panel in panels if panel[1]]


def monitor_panels(lines: list[dict], teachers: list[str]) -> list[Panel]:
    """Charts of the readings on held-out videos over the steps; none if the run took none.

    Args:
        lines: Lines of `log.jsonl`, of which those with `event: monitor` count.
        teachers: Names of the teachers.
    """
    steps = by_step([line for line in lines if line.get("event") == "monitor"])
    panels = []
    for teacher in teachers:
        for kind, title in (("summary", "summaries"), ("patch", "patches")):
            sides = ("head", "ridge")
            both = {side: series(steps, f"{teacher}/{side}_{kind}_fvu@") for side in sides}
            shown = {f"{side} {size} px": line for side in sides for size, line in both[side].items()}
            panels.append((f"FVU of {teacher}: {title}", shown))
    ratios = {teacher: series(steps, f"{teacher}/resolution_ratio@") for teacher in teachers}
    shown = {f"{teacher} {size} px": line for teacher in teachers for size, line in ratios[teacher].items()}
    panels += [
        ("patch FVU over its best size", shown),
        ("effective rank of summaries", series(steps, "rank_me/")),
        ("position probe, R²", series(steps, "position/")),
        ("nearest neighbours", series(steps, "knn/")),
        ("linear probe", series(steps, "linear/")),
        ("retention", series(steps, "retention/")),
    ]
    return [panel for panel in panels if panel[1]]


def by_step(lines: list[dict]) -> list[dict]:
    """Lines in the order of their steps; of a step that a resumed run took again, the last."""
    latest = {line["step"]: line for line in lines}
    return [latest[step] for step in sorted(latest)]


def series(steps: list[dict], start: str) -> dict[str, Line]:
    """Values over steps of the keys that begin with `start`, named by the rest (or by the key, if it is all of it)."""
    keys = dict.fromkeys(key for line in steps for key in line if key.startswith(start))
    if not start.endswith(("/", "@")):
        keys = [key for key in keys if key == start]
    lines = {}
    for key in keys:
        known = [line for line in steps if line.get(key) is not None]
        if known:
            lines[key.removeprefix(start) or key] = [line["step"] for line in known], [line[key] for line in known]
    return lines
