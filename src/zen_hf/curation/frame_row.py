# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The columns of a curated frame, while it is worked on and in the finished dataset, and of a rejected one."""

import pyarrow as pa

REASONS = (
    "black",
    "test_screen",
    "over_exposed",
    "blurred",
    "frozen",
    "outside_body",
    "overlay",
    "near_duplicate",
    "near_duplicate_of_other_video",
)

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])  # as datasets.Image stores it
BOX = pa.list_(pa.int32(), 4)  # x, y, width, height in px

# What is measured of every sampled frame; see signals.py for each one's unit and range.
SIGNALS = ("brightness", "dark_share", "bright_share", "flat_share", "redness", "sharpness", "change")

PLACE = [
    ("video_id", pa.string()),
    ("frame_index", pa.int64()),  # number of the frame in the film, from 0 in the order of showing
    ("time_s", pa.float64()),  # true time of the frame, seconds from the film's first
]

KEPT = pa.schema(
    [
        ("image", IMAGE),  # encoded, cropped and masked; path is null: no file name reaches the output
        *PLACE,
        ("procedure", pa.string()),
        ("source", pa.string()),  # hospital, as a salted hash unless told otherwise
        ("patient_id", pa.string()),
        ("border_box", BOX),  # the endoscope's picture in the frame as it was decoded
        ("border_circle", pa.list_(pa.float32(), 3)),  # its centre x, y and radius in px; null where it is no circle
        *[(signal, pa.float32()) for signal in SIGNALS],
        ("perceptual_hash", pa.uint64()),
        ("embedding", pa.list_(pa.float32())),  # summary of the recipe's encoder, of length 1; null without one
    ]
)

REJECTED = pa.schema([*PLACE, ("reason", pa.string()), ("detail", pa.string()), *[(s, pa.float32()) for s in SIGNALS]])
