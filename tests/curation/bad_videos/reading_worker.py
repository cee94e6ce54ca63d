"""Reads videos one after the other, and says in a line each what came: `python reading_worker.py FILES.json`."""

import json
import sys
import time

import numpy as np

from zen_hf.data.video_sampling import Video, VideoError

MOST_FRAMES = 60


def read(path: str) -> dict:
    """The number of sampled frames, or why there are none."""
    try:
        with Video(path) as video:
            times, shapes = [], set()
            for frame in video.sample(2.0):
                assert frame.image.dtype == np.uint8 and frame.image.ndim == 3 and frame.image.shape[2] == 3
                times.append(frame.time_s)
                shapes.add(frame.image.shape)
                if len(times) == MOST_FRAMES:
                    break
            assert np.isfinite([video.duration_s, video.fps]).all() and video.fps > 0
            assert times == sorted(set(times)) and min(times, default=0.0) >= 0, f"times {times}"
            return {
                "frames": len(times),
                "sizes": len(shapes),
                "problems": video.problems,
                "words": str(video.problems),
            }
    except VideoError as error:
        return {"refused": error.reason}
    except Exception as error:  # what the test is after
        return {"escaped": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8", errors="surrogateescape") as file:
        paths = json.load(file)
    for path in paths:
        begun = time.monotonic()
        found = read(path)
        print(json.dumps(found | {"seconds": round(time.monotonic() - begun, 2)}), flush=True)
