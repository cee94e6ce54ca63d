# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Scoring masks and instances of frames of 854 x 480 with 13 classes, beside the usual loops over libraries (one core).

    pip install -e . torchmetrics monai pycocotools
    python perf/dense_metrics.py                  # 24 frames in all: minutes
    python perf/dense_metrics.py --images 1000    # all 1,000 through both sides: an hour
    python perf/dense_metrics.py --quick          # shows that it runs, measures nothing

    dice    Dice, IoU and pixel counts    torchmetrics' `DiceScore`, frame by frame
    hd95    HD95 of every class           MONAI's `compute_hausdorff_distance`, frame by frame
    dice + hd95    both: all that `SemanticSegmentation` gives, against the two loops above one after the other
    ap      AP of boxes and of masks      pycocotools' `COCOeval`, once for boxes and once for masks

Both sides get the same arrays (and, for instances, the same run lengths); the libraries' one-hot tensors are made inside their
loop, as a training script does. In every round both sides score the same frames, one after the other: the ratio is the
median over rounds of the pairs' ratios. The values are compared and must agree. Frames are drawn: the truth has smooth
regions of all 13 classes, the prediction the same with moved boundaries; instances are ellipses with several detections each.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy and torch are imported

import numpy as np  # noqa: E402
import torch  # noqa: E402
from faster_coco_eval.core import mask as run_lengths  # noqa: E402
from monai.metrics import compute_hausdorff_distance  # noqa: E402
from pycocotools.coco import COCO  # noqa: E402
from pycocotools.cocoeval import COCOeval  # noqa: E402
from torchmetrics.segmentation import DiceScore  # noqa: E402

from zen_hf.benchmark.dense.pictures import Instances  # noqa: E402
from zen_hf.benchmark.metrics.boundary_distance import hd95_maxdir  # noqa: E402
from zen_hf.benchmark.metrics.instance_ap import instance_ap  # noqa: E402
from zen_hf.benchmark.metrics.semantic_segmentation import semantic_segmentation  # noqa: E402

HEIGHT, WIDTH, CLASSES = 480, 854, 13


def drawn_masks(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and truth of one frame, [H, W] uint8."""
    field = torch.tensor(random.normal(size=(1, CLASSES, 8, 12)), dtype=torch.float32)
    moved = field + 0.3 * torch.tensor(random.normal(size=field.shape), dtype=torch.float32)
    large = (torch.nn.functional.interpolate(each, size=(HEIGHT, WIDTH), mode="bicubic") for each in (moved, field))
    return tuple(each[0].argmax(0).numpy().astype(np.uint8) for each in large)


def drawn_instances(random: np.random.Generator) -> tuple[Instances, Instances]:
    """20 detections of four instances of one frame."""
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    true, found = [], []
    for _ in range(4):
        place, label = random.uniform((90, 120, 30, 40), (390, 730, 90, 120)), int(random.integers(CLASSES))
        true.append((place, label))
        found += [(place + 6 * random.normal(size=4), label, random.random()) for _ in range(3)]
        found += [(place + 40 * random.normal(size=4), int(random.integers(CLASSES)), 0.7 * random.random())] * 2

    def instances(rows: list[tuple], scores: list[float] | None) -> Instances:
        masks = [((y - p[0]) / p[2]) ** 2 + ((x - p[1]) / p[3]) ** 2 <= 1 for p, *_ in rows]
        encoded = [run_lengths.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in masks]
        boxes, labels = np.array([run_lengths.toBbox(each) for each in encoded]), np.array([row[1] for row in rows])
        return Instances((HEIGHT, WIDTH), boxes, labels, tuple(each["counts"] for each in encoded), scores)

    return instances(found, np.array([score for *_, score in found])), instances(true, None)


def one_hot(mask: np.ndarray) -> torch.Tensor:
    """[H, W] -> [1, classes, H, W]."""
    return torch.nn.functional.one_hot(torch.from_numpy(mask).long(), CLASSES).permute(2, 0, 1)[None]


def dice_of_torchmetrics(frames: list) -> float:
    """Mean over classes of the mean over the frames whose truth holds the class."""
    metric = DiceScore(num_classes=CLASSES, include_background=False, average=None, aggregation_level="samplewise")
    table = []
    for predicted, truth in frames:
        metric.reset()
        metric.update(one_hot(predicted), one_hot(truth))
        present = [bool((truth == label).any()) for label in range(1, CLASSES)]
        table.append(np.where(present, metric.compute().numpy().ravel(), np.nan))
    return float(np.nanmean(np.nanmean(table, axis=0)))


def hd95_of_monai(frames: list) -> float:
    """Mean over classes of the mean over frames; the diagonal where a class is in one of the two alone."""
    table = []
    for predicted, truth in frames:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # classes without a pixel
            found = compute_hausdorff_distance(one_hot(predicted), one_hot(truth), percentile=95)[0].numpy()
        counts = [np.bincount(mask.ravel(), minlength=CLASSES)[1:] > 0 for mask in (predicted, truth)]
        found = np.where(counts[0] & counts[1], found, np.hypot(HEIGHT, WIDTH))
        table.append(np.where(counts[0] | counts[1], found, np.nan))
    return float(np.nanmean(np.nanmean(table, axis=0)))


def masks_of_libraries(frames: list) -> tuple[float, float]:
    return dice_of_torchmetrics(frames), hd95_of_monai(frames)


def masks_of_ours(frames: list) -> tuple[float, float]:
    columns = [[frame[side] for frame in frames] for side in (0, 1)]
    per_video = semantic_segmentation.video_statistics(*columns, ["video"] * len(frames), CLASSES)
    scores = semantic_segmentation.summarise(per_video)
    return scores["dice_class_mean"], scores["hd95_maxdir_class_mean"]


def hd95_of_ours(frames: list) -> float:
    table = np.full((len(frames), CLASSES), np.nan)
    for row, (predicted, truth) in zip(table, frames, strict=True):
        found = np.union1d(predicted, truth)
        found = found[found > 0]
        row[found] = hd95_maxdir(predicted, truth, found)
    return float(np.nanmean(np.nanmean(table[:, 1:], axis=0)))


def dice_of_ours(frames: list) -> float:
    """The metric without its boundary distances."""
    kept = semantic_segmentation.hd95_maxdir
    semantic_segmentation.hd95_maxdir = lambda predicted, truth, classes: np.zeros(len(classes))
    try:
        return masks_of_ours(frames)[0]
    finally:
        semantic_segmentation.hd95_maxdir = kept


def ap_of_pycocotools(frames: list) -> tuple[float, ...]:
    """AP and AP50 of boxes and masks."""
    images = [{"id": number + 1, "height": HEIGHT, "width": WIDTH} for number in range(len(frames))]
    rows = [[], []]
    for number, (predicted, truth) in enumerate(frames):
        for side, each in enumerate((truth, predicted)):
            for index in range(len(each.labels)):
                shape = {"size": [HEIGHT, WIDTH], "counts": each.masks[index]}
                row = {"id": len(rows[side]) + 1, "image_id": number + 1, "category_id": int(each.labels[index]) + 1}
                row |= {"bbox": each.boxes[index].tolist(), "segmentation": shape, "iscrowd": 0, "area": 1.0}
                rows[side].append(row | ({"score": float(each.scores[index])} if side else {}))
    values = []
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        categories = [{"id": label + 1, "name": str(label)} for label in range(CLASSES)]
        truth.dataset = {"info": {}, "images": images, "annotations": rows[0], "categories": categories}
        truth.createIndex()
        found = truth.loadRes(rows[1])
        for kind in ("bbox", "segm"):
            evaluator = COCOeval(truth, found, kind)
            evaluator.evaluate()
            evaluator.accumulate()
            evaluator.summarize()
            values += evaluator.stats[:2].tolist()
    return tuple(values)


def ap_of_ours(frames: list) -> tuple[float, ...]:
    columns = [[frame[side] for frame in frames] for side in (0, 1)]
    scores = instance_ap.summarise(instance_ap.video_statistics(*columns, ["video"] * len(frames), CLASSES))
    return tuple(scores[f"{kind}_{measure}_global"] for kind in ("box", "mask") for measure in ("ap", "ap50"))


CASES = {
    "dice": (drawn_masks, dice_of_torchmetrics, dice_of_ours, 1e-5),
    "hd95": (drawn_masks, hd95_of_monai, hd95_of_ours, 1e-3),  # MONAI computes in float32
    "dice + hd95": (drawn_masks, masks_of_libraries, masks_of_ours, 1e-3),
    "ap": (drawn_instances, ap_of_pycocotools, ap_of_ours, 1e-9),
}


def timed(function: Callable[[list], object], frames: list) -> tuple[float, object]:
    """Seconds per frame, and what it returns."""
    start = time.perf_counter()
    result = function(frames)
    return (time.perf_counter() - start) / len(frames), result


def measure(name: str, options: argparse.Namespace) -> dict:
    """One case: rounds of pairs on fresh frames."""
    draw, theirs, ours, tolerance = CASES[name]
    random, pairs = np.random.default_rng(0), []
    rounds, images = options.rounds, max(options.images // options.rounds, 1)
    for number in range(rounds + 1):
        frames = [draw(random) for _ in range(images if number else 1)]  # the first round warms up
        sides = (theirs, ours) if number % 2 else (ours, theirs)
        found = {side: timed(side, frames) for side in sides}
        np.testing.assert_allclose(found[ours][1], found[theirs][1], atol=tolerance, rtol=0)
        pairs.append((found[theirs][0], found[ours][0]))
    library, mine = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
    ratio = statistics.median(first / second for first, second in pairs[1:])
    return {
        "case": name,
        "images": rounds * images,
        "library_ms": 1e3 * library,
        "ours_ms": 1e3 * mine,
        "ratio": ratio,
    }


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=24, help="frames in all rounds together")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--quick", action="store_true", help="two frames: shows that it runs, measures nothing")
    parser.add_argument("--json", type=Path, help="also write all rows to this file")
    options = parser.parse_args()
    if options.quick:
        options.images, options.rounds = 2, 1
    return options


def main() -> None:
    """Measure, print, write."""
    options = arguments()
    torch.set_num_threads(1)
    print(
        f"numpy {np.__version__}, torch {torch.__version__}, one thread; frames of {WIDTH} x {HEIGHT}, {CLASSES} classes"
    )
    print(f"{'':14}{'frames':>8}{'library, ms/frame':>20}{'ours, ms/frame':>17}{'ratio':>9}{'ours, s for 1,000':>20}")
    rows = []
    for name in options.cases:
        row = measure(name, options)
        rows.append(row)
        print(
            f"{row['case']:14}{row['images']:8}{row['library_ms']:20.1f}{row['ours_ms']:17.1f}{row['ratio']:8.1f}x"
            f"{row['ours_ms']:20.1f}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
