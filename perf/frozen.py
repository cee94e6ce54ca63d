# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What frozen evaluation costs beside what it cannot do without: the forward passes, once per frame.

    python perf/frozen.py extraction     images/s of feature extraction over those of the bare forward
    python perf/frozen.py naive          cached evaluation beside a script that encodes all frames anew in every epoch

Frames are drawn by the script, 854x480 pixels: JPEG files, and H.264 films of 25 frames per second of which one per second
is wanted. The encoder has random weights. What is compared runs in turn in one process, and the medians of the ratios of
the rounds are printed with their quartiles. On a machine that others use, `--clock cpu --threads 1` counts processor time
instead: of extraction it shows the work beside the forward passes, not how well it is spread over cores.
`--quick` tries a measurement on tiny data; its numbers mean nothing.
"""

import argparse
import importlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import datasets
import numpy as np
import torch
from PIL import Image
from threadpoolctl import threadpool_limits

from zen_hf import ZenConfig, ZenModel
from zen_hf.benchmark import feature_cache
from zen_hf.benchmark.feature_cache import decode_ahead, extract_features, frame_to_pixels, undecoded
from zen_hf.benchmark.heads.head import LabelledVideo
from zen_hf.benchmark.readers.canonical import canonical_dataset, frame_row
from zen_hf.benchmark.readers.frame_image import frame_reference
from zen_hf.benchmark.task import load_task
from zen_hf.modeling import FrameEncoder

WIDTH, HEIGHT, FPS, SIDE = 854, 480, 25, 224
TASK = "cholec80_tool"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def draw_frames(count: int, seed: int):
    """Views of one soft texture that the camera pans over, with the noise of a sensor, [480, 854, 3] uint8."""
    draw = np.random.default_rng(seed)
    coarse, fine = (
        np.asarray(
            Image.fromarray(draw.integers(0, 256, (rows, 16 * rows // 9, 3), dtype=np.uint8)).resize(
                (WIDTH + 400, HEIGHT + 300), Image.Resampling.BICUBIC
            ),
            np.float32,
        )
        for rows in (40, 300)
    )
    texture = 0.8 * coarse + 0.2 * fine
    for number in range(count):
        x, y = int(200 + 199 * np.sin(number / 40)), int(150 + 149 * np.cos(number / 55))
        view = texture[y : y + HEIGHT, x : x + WIDTH] + draw.normal(0, 2, (HEIGHT, WIDTH, 1)).astype(np.float32)
        yield view.clip(0, 255).astype(np.uint8)


def write_pictures(folder: Path, videos: int, frames: int) -> datasets.Dataset:
    """JPEG files of videos at one frame per second."""
    rows = []
    for video in range(videos):
        (folder / str(video)).mkdir(parents=True)
        for number, view in enumerate(draw_frames(frames, video)):
            path = folder / str(video) / f"{number:06}.jpg"
            Image.fromarray(view).save(path, quality=90)
            rows.append(frame_row(str(path), f"v{video}", number, 1))
    return canonical_dataset(rows, {})


def write_films(folder: Path, videos: int, frames: int) -> datasets.Dataset:
    """Films by x264's own settings (B frames, a key frame every 250); one frame per second of them is a row."""
    folder.mkdir(parents=True)
    rows = []
    for video in range(videos):
        path = folder / f"{video}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for view in draw_frames(FPS * frames, video):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
            container.mux(stream.encode(None))
        rows += [frame_row(frame_reference(path, second), f"v{video}", FPS * second, FPS) for second in range(frames)]
    return canonical_dataset(rows, {})


def build_encoder(options: argparse.Namespace) -> FrameEncoder:
    """A ZEN of random weights."""
    torch.manual_seed(0)
    model = ZenModel(ZenConfig.from_variant(options.size)).to(options.device, getattr(torch, options.dtype))
    return FrameEncoder(model, [0.5] * 3, [0.25] * 3, image_size=SIDE)


def seconds_of(action: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long it takes."""
    start = clock()
    action()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - start


def report(name: str, ratios: list[float]) -> dict:
    """Print the median of ratios with its quartiles."""
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    print(f"{name:60}{middle:8.3f}  ({low:.3f} to {high:.3f}, {len(ratios)} rounds)", flush=True)
    return {"what": name, "ratio": middle, "quartiles": [low, high], "rounds": len(ratios)}


@torch.inference_mode()
def measure_extraction(options: argparse.Namespace, folder: Path) -> list[dict]:
    """Images/s of `extract_features` over those of the model alone on frames that are ready in memory."""
    encoder = build_encoder(options)
    sources = {
        "JPEG files": write_pictures(folder / "pictures", 1, options.frames),
        "H.264 at 25 fps, one frame per second": write_films(folder / "films", 1, options.frames),
    }
    ready = encoder.normalise(torch.rand(options.batch, 3, SIDE, SIDE))
    bare_batches = -(-options.frames // options.batch)

    def bare() -> None:
        for _ in range(bare_batches):
            encoder.model(ready)

    bare()
    ratios, rates = {name: [] for name in sources}, {name: [] for name in ("bare forward", *sources)}
    for number in range(options.rounds):
        for name, frames in sources.items():
            feature_cache.file_hash.cache_clear()
            alone = seconds_of(bare, CLOCKS[options.clock]) * options.frames / (bare_batches * options.batch)
            cache = folder / f"cache {number} {name[:4]}"
            full = seconds_of(
                lambda frames=frames, cache=cache: extract_features(
                    encoder, frames, ["v0"], SIDE, cache, options.batch, tokens=options.tokens
                ),
                CLOCKS[options.clock],
            )
            rates["bare forward"].append(options.frames / alone)
            rates[name].append(options.frames / full)
            ratios[name].append(alone / full)
    for name, values in rates.items():
        print(f"{name:60}{statistics.median(values):8.1f} images/s")
    return [report(f"extraction over bare forward, {name}", values) for name, values in ratios.items()]


def draw_labels(summary: np.ndarray, classes: int) -> np.ndarray:
    """0/1 [frames, classes], each by one direction of the summaries [frames, channels] and as much noise."""
    draw = np.random.default_rng(0)
    signal = summary @ draw.standard_normal((summary.shape[1], classes)) / summary.shape[1] ** 0.5
    return (signal + np.random.default_rng(len(summary)).standard_normal(signal.shape) > 1).astype(np.int8)


def train_naively(encoder: FrameEncoder, frames: datasets.Dataset, labels: np.ndarray, options) -> None:
    """A linear probe as it is often written: every epoch decodes and encodes all frames again, for one setting."""
    truth = torch.from_numpy(labels).float()
    head = torch.nn.Linear(encoder.summary_size, truth.shape[1])
    optimiser = torch.optim.AdamW(head.parameters(), lr=1e-3)
    rows = undecoded(frames)
    loader = torch.utils.data.DataLoader(
        [(index, row) for index, row in enumerate(rows)],
        batch_size=options.batch,
        shuffle=True,
        num_workers=options.workers,
        collate_fn=collate,
    )
    for _ in range(options.epochs):
        for indices, pixels in loader:
            with torch.no_grad():
                summary = encoder(pixels).summary.float().cpu()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(head(summary), truth[indices])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def collate(batch: list[tuple[int, dict]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Decode a batch, in the loader's process."""
    return torch.tensor([index for index, _ in batch]), torch.stack([frame_to_pixels(row, SIDE) for _, row in batch])


def measure_naive(options: argparse.Namespace, folder: Path) -> list[dict]:
    """Time of the naive script for one setting over that of extraction and a head that tries all of its settings."""
    encoder, target = build_encoder(options), load_task(TASK).targets[0]
    linear = importlib.import_module("zen_hf.benchmark.heads.linear")
    videos = 4
    frames = write_pictures(folder / "pictures", videos, options.frames // videos)
    stand_in = np.random.default_rng(1).standard_normal((len(frames), 8))  # the frames hold nothing to be learnt
    labels = draw_labels(stand_in, len(target.labels))
    each = np.split(labels, videos)

    def cached(cache: Path) -> None:
        features = extract_features(
            encoder, frames, [f"v{video}" for video in range(videos)], SIDE, cache, options.batch
        )
        labelled = [LabelledVideo(f"v{video}", features[f"v{video}"], each[video]) for video in range(videos)]
        with threadpool_limits(limits=1, user_api="blas"):  # as the protocols do
            linear.train(target, labelled[:-1], labelled[-1:], [0])

    next(decode_ahead(undecoded(frames), SIDE, options.batch))  # the files are in the page cache for both
    ratios = []
    for number in range(options.naive_rounds):
        ours = seconds_of(lambda number=number: cached(folder / f"cache {number}"))
        theirs = seconds_of(lambda: train_naively(encoder, frames, labels, options))
        print(f"cached {ours:.1f} s, naive {theirs:.1f} s ({len(frames)} frames, {options.epochs} epochs)", flush=True)
        ratios.append(theirs / ours)
    return [report("naive script over cached evaluation", ratios)]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=["extraction", "naive"])
    parser.add_argument("--size", default="small", choices=["tiny", "small", "base", "large"], help="of the encoder")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="of extraction")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--frames", type=int, default=128, help="that are encoded: extraction, naive")
    parser.add_argument("--tokens", action="store_true", help="extraction keeps patch tokens too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20, help="of the naive script, all of them run")
    parser.add_argument("--naive-rounds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="of the naive script's loader")
    parser.add_argument("--quick", action="store_true", help="a smoke test: everything tiny")
    parser.add_argument("--json", type=Path, help="also write the ratios to this file")
    options = parser.parse_args()
    if options.quick:
        options.size, options.frames, options.batch, options.rounds, options.epochs = "tiny", 16, 4, 2, 2
    return options


def main() -> None:
    """Measure, print, write."""
    options = arguments()
    torch.set_num_threads(options.threads)
    print(
        f"torch {torch.__version__}, {options.threads} threads, ZEN {options.size}, {options.dtype}, {options.device}"
    )
    measures = {"extraction": measure_extraction, "naive": measure_naive}
    rows = []
    for what in options.what:
        with tempfile.TemporaryDirectory() as folder:
            rows += measures[what](options, Path(folder))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
