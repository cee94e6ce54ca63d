"""Writes `ivtmetrics_oracle.json`: what ivtmetrics 0.1.5 under scikit-learn 1.5.2 returns for a few fixed inputs.

Tests read the JSON and the inputs of `cases`; they need neither package. To write it anew, in an environment of its own:

    pip install ivtmetrics==0.1.5 scikit-learn==1.5.2
    python tests/benchmark/metrics/ivtmetrics_oracle.py

Under scikit-learn 1.6 and later, ivtmetrics 0.1.5 counts classes without a positive frame as AP = 0: it looks for "-0.0".
"""

import json
from pathlib import Path

import numpy as np

TRIPLETS = 100
COMPONENTS = ("i", "v", "t", "iv", "it", "ivt")


def cases() -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """{case: {video: (scores [frames, 100], truth [frames, 100])}}; RandomState's stream never changes."""
    random = np.random.RandomState(0)

    def video(frames: int, share: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
        held = random.random_sample(TRIPLETS) < 0.3  # triplets that occur in this video
        truth = ((random.random_sample((frames, TRIPLETS)) < share) & held).astype(int)
        return 0.6 * truth + noise * random.random_sample((frames, TRIPLETS)), truth

    plain = {f"VID{number:02d}": video(frames, 0.2, 1.0) for number, frames in ((1, 40), (2, 25), (5, 60))}
    ties = {name: (np.round(scores, 1), truth) for name, (scores, truth) in plain.items()}
    empty = dict(plain, VID03=(random.random_sample((30, TRIPLETS)), np.zeros((30, TRIPLETS), int)))
    few = np.zeros((20, TRIPLETS), int)
    few[:5, 17] = few[3:9, 94] = few[10:, 60] = 1
    perfect = {"VID01": (few.astype(float), few), "VID02": (few[::-1].astype(float), few[::-1])}
    constant = {name: (np.full(truth.shape, 0.25), truth) for name, (_, truth) in plain.items()}
    return {
        "plain": plain,
        "ties": ties,
        "a video without any triplet": empty,
        "perfect, 3 of 100 triplets": perfect,
        "constant": constant,
    }


def main() -> None:
    """Score every case with ivtmetrics and write the JSON beside this file."""
    import ivtmetrics
    import sklearn

    assert sklearn.__version__ == "1.5.2", sklearn.__version__
    values = {}
    for case, videos in cases().items():
        metric = ivtmetrics.Recognition(TRIPLETS)
        for scores, truth in videos.values():
            metric.update(truth, scores)
            metric.video_end()
        values[case] = {}
        for component in COMPONENTS:
            for way, result in (
                ("class", metric.compute_video_AP(component)),
                ("global", metric.compute_global_AP(component)),
            ):
                ap = [None if np.isnan(value) else float(f"{value:.12g}") for value in result["AP"]]
                values[case][f"{component} {way}"] = {"mAP": float(f"{result['mAP']:.12g}"), "AP": ap}
        for way, compute in (("class", metric.compute_video_AP), ("global", metric.compute_global_AP)):
            values[case][f"ivt94 {way}"] = {"mAP": float(f"{compute('ivt', ignore_null=True)['mAP']:.12g}")}
    lines = [f"{json.dumps(case)}: {json.dumps(of_case)}" for case, of_case in values.items()]
    Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
