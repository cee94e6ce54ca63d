# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""How fast and how large a ZEN runs beside timm's ViTs and transformers' DINOv3 of the same shape, on the CPU (Linux).

    pip install -e .[perf]
    python perf/encoder.py --sizes small --dtypes float32 --seconds 20

Each case runs its models in turn, in one process, on the same frames: the ratios are medians over the rounds, so what
slows the machine for a while slows all. `linear` runs the matrix products of the encoder's linear layers alone, with
biases; its rate is what the machine gives for these shapes and this type, and the share printed is a model's rate
(all its matrix products over all its time) in it. Peak memory is the resident memory of a fresh process per model
above what it held after its imports: weights, activations and buffers.
On a machine that others use, `--clock cpu --threads 1` counts processor time instead.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import timm
import torch
from torch import nn
from transformers import DINOv3ViTConfig, DINOv3ViTModel

from zen_hf import ZenConfig, ZenModel

SIDE, PATCH, REGISTERS = 224, 16, 4
PATCHES = (SIDE // PATCH) ** 2
TOKENS = 1 + REGISTERS + PATCHES
MODELS = ("zen", "timm vit", "timm dinov3", "transformers dinov3")
INDUCTOR = {
    "compiled": {},
    "freezing": {"freezing": True},
    "cpp-wrapper": {"cpp_wrapper": True},
    "max-autotune": {"max_autotune": True},
}
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def build(name: str, size: str, dtype: torch.dtype, mode: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function from frames [B, 3, 224, 224] to the normed tokens [B, 201, D] of a model of random weights."""
    torch.manual_seed(0)
    config = ZenConfig.from_variant(size)
    if name == "zen":
        model = ZenModel(config)
    elif name == "transformers dinov3":
        model = DINOv3ViTModel(
            DINOv3ViTConfig(
                hidden_size=config.hidden_size,
                intermediate_size=config.intermediate_size,
                num_attention_heads=config.num_attention_heads,
                num_hidden_layers=config.num_hidden_layers,
                num_register_tokens=REGISTERS,
            )
        )
    elif name == "timm vit":  # learned positions: it rotates nothing
        model = timm.create_model(f"vit_{size}_patch16_224", reg_tokens=REGISTERS, init_values=1.0, num_classes=0)
    else:
        model = timm.create_model(f"vit_{size}_patch16_dinov3", num_classes=0)
    model = model.to(dtype).eval()
    features = model.forward_features if name.startswith("timm") else lambda frames: model(frames).last_hidden_state
    return features if mode == "eager" else torch.compile(features, dynamic=False)


def linear_layers(size: str, dtype: torch.dtype) -> tuple[Callable[[torch.Tensor], None], float]:
    """A function that runs the matrix products of all linear layers alone, and its operations per frame."""
    config = ZenConfig.from_variant(size)
    width, inner = config.hidden_size, config.intermediate_size
    shapes = [(width, 3 * width), (width, width), (width, inner), (inner, width)]
    layers = [nn.Linear(*shape).to(dtype) for _ in range(config.num_hidden_layers) for shape in shapes]
    inputs: dict[tuple[int, int], torch.Tensor] = {}

    def run(frames: torch.Tensor) -> None:
        for layer in layers:
            key = (len(frames), layer.in_features)
            if key not in inputs:
                inputs[key] = torch.rand(len(frames) * TOKENS, layer.in_features, dtype=dtype)
            layer(inputs[key])

    return run, sum(2 * TOKENS * layer.in_features * layer.out_features for layer in layers)


def model_operations(size: str) -> float:
    """Operations of all matrix products of the encoder per frame: linear layers, attention, patch embedding."""
    config = ZenConfig.from_variant(size)
    attention = 4 * TOKENS**2 * config.hidden_size * config.num_hidden_layers
    embedding = 2 * PATCHES * 3 * PATCH**2 * config.hidden_size
    return linear_layers(size, torch.float32)[1] + attention + embedding


@torch.inference_mode()
def measure_speed(size: str, dtype: torch.dtype, batch: int, mode: str, options: argparse.Namespace) -> list[dict]:
    """Times all models in turn and returns one row per model."""
    frames = torch.rand(batch, 3, SIDE, SIDE, dtype=dtype)
    with torch._inductor.config.patch(INDUCTOR.get(mode, {})):
        functions = {name: build(name, size, dtype, mode) for name in options.models}
        linear, linear_operations = linear_layers(size, dtype)
        for name, function in functions.items():
            shape = tuple(function(frames).shape)  # also compiles
            expected = (batch, TOKENS, ZenConfig.from_variant(size).hidden_size)
            assert shape == expected, f"{name} gives {shape}, expected {expected}"
            function(frames)
    functions["linear"] = linear
    linear(frames)

    clock, times = CLOCKS[options.clock], {name: [] for name in functions}
    end = time.perf_counter() + options.seconds
    while time.perf_counter() < end or len(times["linear"]) < 5:
        for name, function in functions.items():
            start = clock()
            function(frames)
            times[name].append(clock() - start)

    machine = linear_operations * batch / statistics.median(times["linear"])
    rows = []
    for name in options.models:
        rate = model_operations(size) * batch / statistics.median(times[name])
        ratios = [own / zen for own, zen in zip(times[name], times["zen"], strict=True)]
        quarters = statistics.quantiles(ratios, n=4) if name != "zen" else [1.0] * 3
        rows.append(
            {
                "size": size,
                "dtype": str(dtype).removeprefix("torch."),
                "batch": batch,
                "mode": mode,
                "model": name,
                "milliseconds": 1e3 * statistics.median(times[name]),
                "zen_is_faster": quarters[1],
                "quartiles": [quarters[0], quarters[2]],
                "share_of_linear_rate": rate / machine,
                "linear_gflops": machine / 1e9,
                "rounds": len(times[name]),
            }
        )
    return rows


def resident(field: str) -> float:
    """MiB of a field of /proc/self/status: VmRSS is now, VmHWM the peak."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


@torch.inference_mode()
def peak_memory(name: str, size: str, dtype: torch.dtype, batch: int, mode: str) -> float:
    """MiB at the peak of three forwards, above what this process held after its imports."""
    before = resident("VmRSS")
    function, frames = build(name, size, dtype, "eager" if mode == "eager" else mode), torch.rand(batch, 3, SIDE, SIDE)
    frames = frames.to(dtype)
    if mode != "eager":
        function(frames)  # the compiler's own memory is not the model's
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak to what is held now
    for _ in range(3):
        function(frames)
    return resident("VmHWM") - before


def measure_memory(row: dict, options: argparse.Namespace) -> float:
    """`peak_memory` in a fresh process."""
    case = [row["model"], row["size"], row["dtype"], str(row["batch"]), row["mode"]]
    command = [sys.executable, __file__, "--threads", str(options.threads), "--memory-of", *case]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def print_rows(rows: list[dict]) -> None:
    """A table of one case."""
    first = rows[0]
    print(
        f"\nZEN {first['size']}, {first['dtype']}, batch {first['batch']}, {first['mode']}: {first['rounds']} rounds, "
        f"linear layers alone at {first['linear_gflops']:.0f} GFLOP/s"
    )
    print(f"{'':22}{'ms':>9}{'ZEN is faster':>28}{'share of rate':>16}{'peak MiB':>10}")
    for row in rows:
        low, high = row["quartiles"]
        ratio = "" if row["model"] == "zen" else f"{row['zen_is_faster']:.3f}x ({low:.3f} to {high:.3f})"
        peak = f"{row['peak_mib']:.0f}" if "peak_mib" in row else "-"
        share = f"{row['share_of_linear_rate']:.0%}"
        print(f"{row['model']:22}{row['milliseconds']:9.1f}{ratio:>28}{share:>16}{peak:>10}")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["small", "base"], choices=["small", "base", "large"])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"], choices=["float32", "bfloat16"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--modes", nargs="+", default=["eager", "compiled"], choices=["eager", *INDUCTOR])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS, help="zen is always one")
    parser.add_argument("--seconds", type=float, default=20, help="per case, after warming up")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--no-memory", action="store_true", help="skip the fresh process per model")
    parser.add_argument(
        "--force-bf16", action="store_true", help="run bfloat16 on a processor without its instructions"
    )
    parser.add_argument("--json", type=Path, help="also write all rows to this file")
    parser.add_argument("--memory-of", nargs=5, metavar=("MODEL", "SIZE", "DTYPE", "BATCH", "MODE"), help="internal")
    options = parser.parse_args()
    options.models = ["zen", *(name for name in options.models if name != "zen")]
    return options


def main() -> None:
    """Measure, print, write."""
    options = arguments()
    torch.set_num_threads(options.threads)
    if options.memory_of:
        name, size, dtype, batch, mode = options.memory_of
        print(peak_memory(name, size, getattr(torch, dtype), int(batch), mode))
        return
    print(f"torch {torch.__version__}, timm {timm.__version__}, {options.threads} threads, {options.clock} clock")
    rows = []
    for size, dtype, batch, mode in product(options.sizes, options.dtypes, options.batches, options.modes):
        if dtype == "bfloat16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported() and not options.force_bf16:
            print(
                f"\nZEN {size}, bfloat16, batch {batch}, {mode}: not measured, this processor has no bfloat16 "
                "instructions and emulates them some hundred times slower (--force-bf16 runs it all the same)"
            )
            continue
        case = measure_speed(size, getattr(torch, dtype), batch, mode, options)
        for row in case if not options.no_memory else []:
            row["peak_mib"] = measure_memory(row, options)
        torch._dynamo.reset()
        print_rows(case)
        rows += case
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
