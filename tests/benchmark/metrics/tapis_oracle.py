# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes `tapis_oracle.json`: what the evaluator of GraSP's authors returns for a few fixed inputs.

Tests read the JSON and the inputs of `cases`; they need nothing else. To write it anew (commit dbbd61d was used):

    git clone https://github.com/BCV-Uniandes/GraSP
    pip install pycocotools opencv-python-headless scikit-image tqdm
    PYTHONPATH=GraSP/TAPIS/tapis python tests/benchmark/metrics/tapis_oracle.py

Every instance is scored under every class, as their models do. Every class occurs: their code fails without one.
"""

import json
from pathlib import Path

import numpy as np

SIZE, CLASSES = (60, 80), 4


def cases() -> dict[str, list[tuple[list[tuple[np.ndarray, int]], list[tuple[np.ndarray, np.ndarray]]]]]:
    """{case: per frame (truth [(mask, class)], predictions [(mask, score of every class)])}; fixed for ever."""
    random = np.random.RandomState(0)

    def blob(place: np.ndarray) -> np.ndarray:
        """An ellipse: the mask of an instance."""
        y, x = np.mgrid[: SIZE[0], : SIZE[1]]
        row, column, height, width = place
        return (((y - row) / height) ** 2 + ((x - column) / width) ** 2 <= 1).astype(np.uint8)

    def frame(instances: int, further: int, noise: float):
        truth, predictions = [], []
        for _ in range(instances):
            place = random.uniform((12, 12, 5, 5), (48, 68, 11, 16))
            label = random.randint(CLASSES)
            truth.append((blob(place), label))
            for _ in range(random.randint(1, 4)):  # several on one instance
                scores = random.random_sample(CLASSES) + 0.5 * (np.arange(CLASSES) == label)
                predictions.append((blob(place + noise * random.normal(size=4)), scores / 2))
        for _ in range(further):
            predictions.append((blob(random.uniform((12, 12, 5, 5), (48, 68, 11, 16))), random.random_sample(CLASSES)))
        return truth, predictions

    return {
        "close": [frame(3, 1, 1.0) for _ in range(8)],
        "apart": [frame(4, 2, 3.0) for _ in range(8)],
        "frames without truth": [frame(2, 1, 2.0) for _ in range(5)] + [frame(0, 2, 1.0) for _ in range(3)],
    }


def box_of(mask: np.ndarray) -> list[float]:
    """Left, top, width and height."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [float(v) for v in (columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0])]


def main() -> None:
    """Score every case with the authors' code and write the JSON beside this file."""
    from evaluate.detection_eval import eval_detection
    from evaluate.instance_segmentation_eval import eval_segmentation
    from pycocotools import mask as run_lengths

    values = {}
    for case, frames in cases().items():
        images, annotations, predictions = [], [], {}
        for number, (truth, predicted) in enumerate(frames):
            name = f"{number}.jpg"
            images.append({"file_name": name, "height": SIZE[0], "width": SIZE[1]})
            for mask, label in truth:
                shape = {"bbox": box_of(mask), "segmentation": run_lengths.encode(np.asfortranarray(mask))}
                annotations.append({"image_name": name, "category_id": label + 1} | shape)
            entries = []
            for mask, scores in predicted:
                x, y, width, height = box_of(mask)
                place = {"bbox": [x, y, x + width, y + height], "segment": run_lengths.encode(np.asfortranarray(mask))}
                entries.append(place | {"instruments_score_dist": scores.tolist()})
            predictions[name] = {"instances": entries}
        categories = [{"id": label + 1, "name": str(label)} for label in range(CLASSES)]
        coco = {"images": images, "annotations": annotations, "categories": categories}
        rows = {image["file_name"]: [] for image in images}
        for index, annotation in enumerate(annotations):
            rows[annotation["image_name"]].append(index)
        values[case] = {}
        for kind, function in (("box", eval_detection), ("mask", eval_segmentation)):
            mean, by_class = function("instruments", coco, predictions, rows)
            found = [None if np.isnan(value) else float(value) for value in by_class.values()]
            values[case][kind] = {"mean": float(mean), "classes": found}
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps({"commit": "dbbd61d", "numpy": np.__version__, "values": values}, indent=1) + "\n")


if __name__ == "__main__":
    main()
