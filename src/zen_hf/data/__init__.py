# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""From video to frames: sampling, the streaming mixture and synthetic surgery.

`zen_hf.data.frames` reads the frames of a video; it is imported when it is first asked for.
"""

import importlib

_HOMES = {
    "FrameBatch": "video_frames",
    "SampledFrame": "video_sampling",
    "Video": "video_sampling",
    "VideoError": "video_index",
    "frames": "video_frames",
}
__all__ = ["FrameBatch", "SampledFrame", "Video", "VideoError", "frames"]  # noqa: F822


def __getattr__(name: str):
    """Import what is exported when it is asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
