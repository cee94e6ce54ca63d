# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What extraction from a film costs beside the forward passes alone.

    python perf/extraction.py [--bf16] [--size small] [--seconds 512] [--height 480] [--chunk 128] [--rounds 3] [--threads 2]

A film of 25 frames per second is drawn and encoded by x264's own settings; `zen-hf extract`'s stages take one frame per
second of it through a ZEN of random weights at 224 px, with the local engine. Beside it, the same model gets as many frames
that are ready in memory. Both run in turn; printed is the rate of the first over the second (at least 0.9 wanted) and the
most memory that the process and its workers held. `--bf16` computes in bfloat16, for machines with instructions for it.
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import av
import numpy as np
import torch

from zen_hf import ZenConfig, ZenModel
from zen_hf.engines.local import LocalEngine
from zen_hf.engines.workers import Workers
from zen_hf.extraction import feature_settings
from zen_hf.extraction.extraction import extract_videos
from zen_hf.extraction.feature_folder import FeatureFolder
from zen_hf.extraction.feature_settings import EncoderSource, FeatureSettings
from zen_hf.extraction.moments import Film

FPS, SIDE = 25, 224


def write_film(path: Path, seconds: int, height: int) -> None:
    """A texture that the camera pans over."""
    width, draw = height * 16 // 9 // 2 * 2, np.random.default_rng(0)
    coarse = draw.integers(0, 256, (height // 8 + 40, width // 8 + 40, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(seconds * FPS):
            x, y = int(100 + 99 * np.sin(number / 40)), int(100 + 99 * np.cos(number / 55))
            view = np.ascontiguousarray(coarse[y : y + height, x : x + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
        container.mux(stream.encode(None))


class Timed(LocalEngine):
    """Notes when the first and the last chunk were written, so that starting Python is not counted."""

    def run(self, items, stages):
        """See `Engine`."""
        self.moments = []
        for result in super().run(items, stages):
            self.moments.append((time.perf_counter(), getattr(result, "frames", 0)))
            yield result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--size", default="small")
    parser.add_argument("--seconds", type=int, default=512)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--chunk", type=int, default=feature_settings.CHUNK_FRAMES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    feature_settings.CHUNK_FRAMES = options.chunk
    settings = FeatureSettings(bf16=options.bf16, batch_size=options.batch, image_size=SIDE)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_film(folder / "film.mp4", options.seconds, options.height)
        torch.manual_seed(0)
        ZenModel(ZenConfig.from_variant(options.size)).save_pretrained(folder / "model")
        (folder / "model" / "preprocessor_config.json").write_text(
            '{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25], "size": {"height": 224, "width": 224}}'
        )
        source = EncoderSource(str(folder / "model"))
        encoder, ratios = source.load(), []
        ready = torch.rand(options.batch, 3, SIDE, SIDE, device=encoder.mean.device)
        for number in range(options.rounds):
            engine = Timed()
            out = FeatureFolder(folder / f"out{number}", settings.key(encoder, 1.0), settings.file_format)
            list(
                extract_videos(
                    [Film("film", str(folder / "film.mp4"))],
                    out,
                    source,
                    settings,
                    engine,
                    Workers(threads=options.threads),
                )
            )
            (first, skipped), last = engine.moments[0], engine.moments[-1][0]
            frames = sum(count for _, count in engine.moments) - skipped
            ours = frames / (last - first)
            start, batches = time.perf_counter(), -(-frames // options.batch)
            with torch.no_grad(), torch.autocast(ready.device.type, torch.bfloat16, enabled=options.bf16):
                for _ in range(batches):
                    encoder(ready)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            bare = batches * options.batch / (time.perf_counter() - start)
            ratios.append(ours / bare)
            print(
                f"round {number}: extraction {ours:.1f} frames/s, forward alone {bare:.1f}, ratio {ours / bare:.3f}",
                flush=True,
            )
    memory = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        f"median ratio {statistics.median(ratios):.3f} (at least 0.9 wanted), {options.height}p H.264, {options.threads} threads"
    )
    print(f"most memory: {memory[0]:.0f} MB of the process, {memory[1]:.0f} MB of its largest worker")


if __name__ == "__main__":
    main()
