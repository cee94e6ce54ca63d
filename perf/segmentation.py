# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames per second of semantic segmentation: ZEN under three heads beside SegFormer-B0 and DINOv2-small, on the CPU.

    python perf/segmentation.py --sizes tiny small --resolution 480x864 --seconds 60

All weights are random, all models see the same frames of one resolution, cut to what each model's stride divides, and
end in class maps of that resolution. Models run in turn in one process: each ratio is the median over the rounds of what
SegFormer-B0 takes over what the model takes in the same round, so what slows the machine for a while slows all. On a
machine that others use, `--clock cpu --threads 1` counts processor time instead.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from transformers import Dinov2Config, Dinov2Model, SegformerConfig, SegformerForSemanticSegmentation

from zen_hf import ZenConfig, ZenModel
from zen_hf.modeling.dense_models import dense_model, dense_multiple, dense_output

CLASSES = tuple(f"class {index}" for index in range(13))  # as many as CholecSeg8k has
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
PEER = "SegFormer-B0"


def fitting(frames: torch.Tensor, multiple: int) -> torch.Tensor:
    """The frames [B, 3, H, W] cut on the right and below to multiples of a stride."""
    height, width = (side // multiple * multiple for side in frames.shape[-2:])
    return frames[..., :height, :width].contiguous()


def class_maps(logits: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
    """Class of every pixel [B, H, W] from logits [B, C, h, w]."""
    size = frames.shape[-2:]
    return torch.nn.functional.interpolate(logits, size=size, mode="bilinear", align_corners=False).argmax(dim=1)


def build(sizes: list[str], width: int, frames: torch.Tensor) -> dict[str, tuple[Callable, torch.Tensor]]:
    """Name of each model -> a function from frames to class maps, and its frames."""
    torch.manual_seed(0)
    segformer = SegformerForSemanticSegmentation(SegformerConfig(num_labels=len(CLASSES))).eval()  # defaults: B0
    models = {PEER: (lambda pixels: class_maps(segformer(pixels).logits, pixels), fitting(frames, 32))}
    dinov2 = Dinov2Model(Dinov2Config(hidden_size=384, num_attention_heads=6, patch_size=14))
    trunks = {"DINOv2-small": dinov2} | {f"ZEN-{size}": ZenModel(ZenConfig.from_variant(size)) for size in sizes}
    for name, trunk in trunks.items():
        for head in ("linear",) if name == "DINOv2-small" else ("linear", "dpt", "mask2former"):
            model = dense_model(trunk.eval(), head, "segmentation", CLASSES, seed=0, width=width)
            own = fitting(frames, dense_multiple(model))
            models[f"{name} + {head}"] = (
                lambda pixels, model=model: class_maps(dense_output(model, "segmentation", pixels), pixels),
                own,
            )
    return models


@torch.inference_mode()
def measure(models: dict[str, tuple[Callable, torch.Tensor]], options: argparse.Namespace) -> list[dict]:
    """One row per model."""
    clock, times = CLOCKS[options.clock], {name: [] for name in models}
    for function, own in models.values():  # warms up
        assert function(own).shape == (options.batch, *own.shape[-2:])
    end = time.perf_counter() + options.seconds
    while time.perf_counter() < end or len(times[PEER]) < 3:
        for name, (function, own) in models.items():
            start = clock()
            function(own)
            times[name].append(clock() - start)
    rows = []
    for name, own_times in times.items():
        ratios = [peer / own for own, peer in zip(own_times, times[PEER], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        rows.append(
            {
                "model": name,
                "frames_per_second": options.batch / statistics.median(own_times),
                "times_the_peer": middle,
                "quartiles": [low, high],
                "height_width": list(models[name][1].shape[-2:]),
                "rounds": len(own_times),
            }
        )
    return rows


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["tiny", "small"], choices=["tiny", "small", "base", "large"])
    parser.add_argument("--resolution", default="480x864", help="height x width of the frames, before they are cut")
    parser.add_argument("--width", type=int, default=64, help="channels of DPT and Mask2Former, a multiple of 32")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60, help="after warming up")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--json", type=Path, help="also write all rows to this file")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    height, width = map(int, options.resolution.split("x"))
    frames = torch.rand(options.batch, 3, height, width, generator=torch.Generator().manual_seed(0))
    rows = measure(build(options.sizes, options.width, frames), options)
    print(
        f"torch {torch.__version__}, transformers {transformers.__version__}, {platform.machine()}, {options.threads} "
        f"threads, {options.clock} clock, batch {options.batch}, heads of width {options.width}, {rows[0]['rounds']} rounds"
    )
    print(f"{'':26}{'frames/s':>10}{'times ' + PEER:>32}{'height x width':>18}")
    for row in rows:
        low, high = row["quartiles"]
        ratio = f"{row['times_the_peer']:.2f} ({low:.2f} to {high:.2f})"
        size = "x".join(map(str, row["height_width"]))
        print(f"{row['model']:26}{row['frames_per_second']:10.2f}{ratio:>32}{size:>18}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
