# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""From a decoded 1080p frame to the encoder's input at 224 px: our way beside Pillow and a Hugging Face processor.

    python perf/frame_pixels.py [--rounds 30] [--threads 1]

Both begin with the array that a decoder gives and end with a normalised float32 tensor [1, 3, 224, 224]. They run in turn,
and the medians of the ratios of the rounds are printed with their quartiles; then the largest difference in grey levels.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from PIL import Image
from transformers import BitImageProcessorPil

from zen_hf.data.frame_pixels import frame_to_square, to_unit_range

SIDE, MEAN, STD = 224, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def draw_frame(height: int, width: int) -> np.ndarray:
    """Waves, edges and noise, [height, width, 3] uint8."""
    rows, columns = np.mgrid[:height, :width]
    waves = [100 * np.sin(columns / 17 + rows / 31), 60 * np.sign(np.cos(columns / 40)), 90 * np.sin(rows / 7)]
    noise = np.random.default_rng(0).normal(0, 10, (height, width, 3))
    return (127 + np.stack(waves, axis=-1) + noise).clip(0, 255).astype(np.uint8)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    processor = BitImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, do_center_crop=False, image_mean=MEAN, image_std=STD, resample=3
    )
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    for height, width in ((1080, 1920), (720, 1280), (480, 854)):
        frame = draw_frame(height, width)

        def ours(frame=frame) -> torch.Tensor:
            return (to_unit_range(frame_to_square(frame, SIDE)[None]) - mean) / std

        def theirs(frame=frame) -> torch.Tensor:
            return processor(Image.fromarray(frame), return_tensors="pt")["pixel_values"]

        ratios, took = [], {ours: [], theirs: []}
        for _ in range(options.rounds):
            for way in took:
                start = time.perf_counter()
                way()
                took[way].append(time.perf_counter() - start)
            ratios.append(took[theirs][-1] / took[ours][-1])
        low, middle, high = statistics.quantiles(ratios, n=4)
        levels = ((ours() - theirs()) * std * 255).abs().max().item()
        milliseconds = [1e3 * statistics.median(took[way]) for way in (ours, theirs)]
        print(
            f"{width}x{height}: {milliseconds[0]:.2f} ms, Pillow and processor {milliseconds[1]:.2f} ms, ratio {middle:.1f} "
            f"({low:.1f} to {high:.1f}, {options.rounds} rounds; at least 1.5 wanted), "
            f"largest difference {levels:.2f} grey levels (at most 1 wanted)"
        )


if __name__ == "__main__":
    main()
