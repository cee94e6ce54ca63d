# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Dense heads learn what colours tell, under every protocol; nothing depends on the truth of test videos."""

import weakref
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from faster_coco_eval.core import mask as run_lengths
from PIL import Image
from safetensors import safe_open
from transformers import ViTImageProcessorPil

from zen_hf.benchmark.candidate import Candidate, raw_pixels
from zen_hf.benchmark.dense.canvas import Layout
from zen_hf.benchmark.dense.constant import predict_without_pictures
from zen_hf.benchmark.dense.frame_truths import FrameTruths
from zen_hf.benchmark.dense.networks import DenseNetwork
from zen_hf.benchmark.dense.pictures import IGNORE, Instances, PartialMask, from_bytes
from zen_hf.benchmark.dense.settings import DenseSettings
from zen_hf.benchmark.dense.sitting import DenseSitting, typical_depth
from zen_hf.benchmark.dense.tuned_trunk import load_model
from zen_hf.benchmark.exam import set_exam
from zen_hf.benchmark.metrics.depth_errors.depth_errors import DepthErrors
from zen_hf.benchmark.metrics.instance_ap.instance_ap import InstanceAP
from zen_hf.benchmark.metrics.semantic_segmentation.semantic_segmentation import SemanticSegmentation
from zen_hf.benchmark.protocols.dense import predict_dense
from zen_hf.benchmark.split import Fold, Split
from zen_hf.benchmark.task import Target, Transfer, load_task
from zen_hf.benchmark.tuning.settings import TuningSettings
from zen_hf.modeling.configuration_zen import ZenConfig
from zen_hf.modeling.frame_encoder import FrameEncoder
from zen_hf.modeling.modeling_zen import ZenModel

HEIGHT, WIDTH = 40, 64
VIDEOS = ("a", "b", "c", "d")
COLOURS = {1: (220, 40, 40), 2: (40, 220, 40)}  # red and green things on grey ground
DEPTHS = {"nearest": 1.0, "farthest": 200.0, "metric_scale": True}
TARGETS = {
    "segmentation": Target(
        "mask", "segmentation", ("ground", "red", "green"), SemanticSegmentation, "dice", settings={"classes": 3}
    ),
    "partial": Target("mask", "partial", ("red", "green"), SemanticSegmentation, "dice", settings={"classes": 2}),
    "instances": Target("mask", "instances", ("red", "green"), InstanceAP, "mask_ap", settings={"classes": 2}),
    "depth": Target("mask", "depth", (), DepthErrors, "abs_rel_metric", settings=DEPTHS, lower_is_better=True),
}


def read_truth(cell):
    """Cells read "kind:path"."""
    kind, path = cell.split(":", 1)
    content = np.load(path)
    classes = content["classes"]
    if kind == "segmentation":
        return classes
    if kind == "depth":
        return content["depth"]
    if kind == "partial":
        known = (int(content["frame"]) % 2,)
        return PartialMask(((classes == known[0] + 1).astype(np.uint16) << known[0]).astype(np.uint16), known)
    present = [label for label in (1, 2) if (classes == label).any()]
    codes = [run_lengths.encode(np.asfortranarray(classes == label, np.uint8)) for label in present]
    boxes = np.array([run_lengths.toBbox(code) for code in codes], np.float32).reshape(-1, 4)
    labels = np.array([label - 1 for label in present], np.int64)
    return Instances(classes.shape, boxes, labels, tuple(code["counts"] for code in codes))


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Frames of coloured boxes; the left third is nearer and brighter."""
    folder, random, rows = tmp_path_factory.mktemp("truth"), np.random.default_rng(0), []
    for video in VIDEOS:
        for frame in range(4):
            classes = np.zeros((HEIGHT, WIDTH), np.uint8)
            depth = np.full((HEIGHT, WIDTH), 100, np.float32)
            pixels = random.integers(90, 130, (HEIGHT, WIDTH, 3))
            for label, colour in COLOURS.items():
                top, left = random.integers(0, 20), random.integers(0, 16) + 32 * (label - 1)
                classes[top : top + 20, left : left + 16] = label
                pixels[top : top + 20, left : left + 16] = colour
                depth[top : top + 20, left : left + 16] = 20 if label == 1 else 50
            depth[:, 60:] = 0  # unknown there
            path = folder / f"{video}{frame}.npz"
            np.savez(path, classes=classes, depth=depth, frame=frame)
            picture = Image.fromarray(pixels.astype(np.uint8))
            rows.append(
                {"image": picture, "video_id": video, "frame": frame, "time_s": float(frame), "path": str(path)}
            )
    return rows


@pytest.fixture(scope="module")
def make_exam(rows):
    def make(kind, val=("c",), flip=False, heads=None, **changes):
        columns = [row | {"mask": f"{kind}:{row['path']}"} for row in rows]
        if flip:  # the truth of test video d changes places
            for row, other in zip(columns[-4:], columns[:4], strict=True):
                row["mask"] = other["mask"]
        dataset = datasets.Dataset.from_list([{k: v for k, v in row.items() if k != "path"} for row in columns])
        split = Split("drawn", "ours", "patient", (Fold(("a", "b"), ("d",), val),), "")
        task = replace(
            load_task("cholect50_tool"),
            name="drawn",
            targets=(replace(TARGETS[kind], read=read_truth),),
            few_shot={1: (), 2: ()},
            transfers=(),
            source=replace(load_task("cholect50_tool").source, patient=str),
        )
        task = replace(task, **changes)
        return set_exam(task, dataset.cast_column("image", datasets.Image()), split)

    return make


@pytest.fixture(scope="module")
def candidate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zen")
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 64}
    model = ZenModel(ZenConfig(**shape, image_size=48, patch_size=4, num_register_tokens=1))
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    model.save_pretrained(folder)
    ViTImageProcessorPil(image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.2, 0.3]).save_pretrained(folder)
    return Candidate("zen", FrameEncoder.from_pretrained(str(folder)), str(folder))


@dataclass(frozen=True)
class Conditions:
    protocol: str
    cache_dir: Path
    heads: tuple
    seeds: tuple = (0,)
    image_size: int = 64
    dense: DenseSettings = field(
        default_factory=lambda: DenseSettings(
            steps=200, batch_size=4, width=32, queries=5, encoder_layers=1, decoder_layers=1, points=128, checkpoints=2
        )
    )
    tuning: TuningSettings = field(default_factory=lambda: TuningSettings(rank=4, alpha=4))
    model_dir: Path | None = None

    def heads_of(self, task):
        return self.heads


def small(conditions, steps):
    """Fewer steps on smaller frames, for what a CPU is slow at."""
    dense = replace(conditions.dense, steps=steps, query_learning_rate=2e-3, learning_rate=3e-3)
    return replace(conditions, image_size=32, dense=dense)


def dice(predicted, truth, label):
    scored = truth != IGNORE
    found, there = (predicted == label) & scored, truth == label
    return 2 * (found & there).sum() / max(found.sum() + there.sum(), 1)


def decoded(kind, entry, video="d"):
    return [from_bytes(kind, content) for content in entry.outputs[video]]


def at_native(depth):
    """Depth as it is kept, at half of the area that frames are shown at, on the frame's pixels."""
    assert depth.shape[0] <= HEIGHT and depth.shape[1] <= WIDTH
    resized = torch.nn.functional.interpolate(torch.from_numpy(depth)[None, None], (HEIGHT, WIDTH), mode="bilinear")
    return resized[0, 0].numpy()


def truths(rows, kind, video="d"):
    return [read_truth(f"{kind}:{row['path']}") for row in rows if row["video_id"] == video]


def mean_dice(predictions, references, labels=(1, 2)):
    pairs = zip(predictions, references, strict=True)
    return np.mean([dice(predicted, truth, label) for predicted, truth in pairs for label in labels])


@pytest.mark.parametrize(
    "head,least",
    [
        ("linear", 0.9),
        pytest.param("dpt", 0.8, marks=pytest.mark.slow),
        pytest.param("upernet", 0.7, marks=pytest.mark.slow),
        pytest.param("mask2former", 0.7, marks=pytest.mark.slow),
    ],
)
def test_a_head_on_a_frozen_trunk_learns_colours(head, least, make_exam, candidate, rows, tmp_path):
    conditions = Conditions("frozen", tmp_path, (head,))
    if head != "linear":
        conditions = small(conditions, {"mask2former": 120, "upernet": 80}.get(head, 40))
    found = predict_dense(make_exam("segmentation"), candidate, conditions)
    assert [(entry.head, entry.run) for entry in found] == [(head, "seed 0")]
    masks = decoded("segmentation", found[0])
    assert all(mask.shape == (HEIGHT, WIDTH) for mask in masks)
    assert mean_dice(masks, truths(rows, "segmentation")) > least
    chosen = found[0].chosen[0]
    assert chosen["selection"] == "best checkpoint on validation videos" and len(chosen["validation_scores"]) == 2


@pytest.mark.parametrize("head", ["linear", pytest.param("dpt", marks=pytest.mark.slow)])
def test_depth_is_learned_within_its_range(head, make_exam, candidate, rows, tmp_path):
    conditions = Conditions("frozen", tmp_path, (head,))
    if head != "linear":
        conditions = small(conditions, 40)
    entry = predict_dense(make_exam("depth"), candidate, conditions)[0]
    errors = []
    for predicted, truth in zip(decoded("depth", entry), truths(rows, "depth"), strict=True):
        assert predicted.min() >= 1 and predicted.max() <= 200
        predicted = at_native(predicted)
        errors.append(np.abs(predicted - truth)[truth > 0] / truth[truth > 0])
    assert np.mean(np.concatenate(errors)) < (0.2 if head == "linear" else 0.25)


def test_partial_labels_teach_both_channels(make_exam, candidate, rows, tmp_path):
    entry = predict_dense(make_exam("partial"), candidate, Conditions("frozen", tmp_path, ("linear",)))[0]
    predictions, references = decoded("partial", entry), truths(rows, "segmentation")
    for channel in (0, 1):
        on = [
            (bits >> channel & 1, classes == channel + 1)
            for bits, classes in zip(predictions, references, strict=True)
        ]
        assert np.mean([dice(bits, there, 1) for bits, there in on]) > 0.75


def box_overlap(first, second):
    low = np.maximum(first[:2], second[:2])
    high = np.minimum(first[:2] + first[2:], second[:2] + second[2:])
    both = np.prod(np.maximum(high - low, 0))
    return both / (np.prod(first[2:]) + np.prod(second[2:]) - both)


@pytest.mark.parametrize("head", ["linear", pytest.param("mask2former", marks=pytest.mark.slow)])
def test_instances_are_found(head, make_exam, candidate, rows, tmp_path):
    conditions = Conditions("frozen", tmp_path, (head,))
    if head == "mask2former":
        conditions = small(conditions, 120)
    entry = predict_dense(make_exam("instances"), candidate, conditions)[0]
    overlaps = []
    for found, truth in zip(decoded("instances", entry), truths(rows, "instances"), strict=True):
        assert found.size == (HEIGHT, WIDTH) and len(found.masks) == len(found.scores) <= 100
        assert (np.diff(found.scores) <= 0).all()
        for box, label in zip(truth.boxes, truth.labels, strict=True):
            best = np.flatnonzero(found.labels == label)[:1]  # the strongest of its class
            overlaps.append(max([box_overlap(box, found.boxes[index]) for index in best], default=0))
    assert np.mean(overlaps) > 0.7


def test_the_truth_of_test_videos_changes_nothing(make_exam, candidate, tmp_path):
    conditions = small(Conditions("frozen", tmp_path / "one", ("linear",)), 5)
    first = predict_dense(make_exam("segmentation"), candidate, conditions)
    again = predict_dense(
        make_exam("segmentation", flip=True), candidate, replace(conditions, cache_dir=tmp_path / "two")
    )
    assert first == again


def test_what_is_finished_is_read_again(make_exam, candidate, tmp_path, monkeypatch):
    conditions = small(Conditions("frozen", tmp_path, ("linear",)), 5)
    first = predict_dense(make_exam("segmentation"), candidate, conditions)
    with monkeypatch.context() as patch:
        patch.setattr("zen_hf.benchmark.protocols.dense.fit", None)  # no training is left to do
        assert predict_dense(make_exam("segmentation"), candidate, conditions) == first
        with pytest.raises(TypeError):
            predict_dense(make_exam("segmentation"), candidate, replace(conditions, seeds=(1,)))
    (file,) = (tmp_path / "dense_predictions").iterdir()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match="delete it"):
        predict_dense(make_exam("segmentation"), candidate, conditions)


def test_maps_from_the_disk_and_maps_made_anew_give_the_same(make_exam, candidate, tmp_path, capsys):
    conditions = small(Conditions("frozen", tmp_path / "kept", ("linear",)), 5)
    kept = predict_dense(make_exam("segmentation"), candidate, conditions)[0]
    assert len(list((tmp_path / "kept").glob("*/*.safetensors"))) == 4 + 1
    no_room = replace(conditions, cache_dir=tmp_path / "none", dense=replace(conditions.dense, cache_bytes=0))
    anew = predict_dense(make_exam("segmentation"), candidate, no_room)[0]
    assert "maps of 16 of 16 frames do not fit" in " ".join(capsys.readouterr().err.split())
    for one, other in zip(decoded("segmentation", kept), decoded("segmentation", anew), strict=True):
        assert (one == other).mean() > 0.99  # sums of a batch of another size differ in the last digit


def test_few_shot_learns_from_k_videos_alone(make_exam, candidate, tmp_path):
    found = predict_dense(
        make_exam("segmentation"), candidate, small(Conditions("few_shot", tmp_path, ("linear",)), 5)
    )
    assert [(entry.head, entry.run) for entry in found] == [
        ("linear@1", "subset 0"),
        ("linear@1", "subset 1"),
        ("linear@2", "subset 0"),
    ]
    assert [entry.chosen[0]["videos"] for entry in found][2] == ["a", "b"]
    assert all(entry.chosen[0]["selection"] == "last step" for entry in found)


@pytest.mark.parametrize("kind", ["segmentation", "partial", "depth", "instances"])
def test_nearest_patches_answer_without_training(kind, make_exam, candidate, rows, tmp_path):
    entry = predict_dense(make_exam(kind), candidate, Conditions("zero_shot", tmp_path, ("knn",)))[0]
    assert entry.head == "knn"
    values = decoded(kind, entry)
    if kind == "segmentation":
        assert mean_dice(values, truths(rows, kind)) > 0.6
    elif kind == "partial":
        assert (
            np.mean([dice(v & 1, t == 1, 1) for v, t in zip(values, truths(rows, "segmentation"), strict=True)]) > 0.6
        )
    elif kind == "depth":
        values = map(at_native, values)
        error = [np.abs(v - t)[t > 0] / t[t > 0] for v, t in zip(values, truths(rows, kind), strict=True)]
        assert np.mean(np.concatenate(error)) < 0.35
    else:
        assert all(set(value.labels.tolist()) <= {0, 1} and len(value.scores) for value in values)


def test_depth_by_the_head_of_another_task(make_exam, candidate, tmp_path):
    source = make_exam("depth")
    source = replace(source, task=replace(source.task, source=replace(source.task.source, patient=lambda v: f"s{v}")))
    exam = make_exam("depth", transfers=(Transfer("other_depth", "mask", {}),))
    conditions = small(Conditions("zero_shot", tmp_path, ("transfer",)), 5)
    entry = predict_dense(exam, candidate, conditions, {"other_depth": source})[0]
    assert entry.head == "transfer:other_depth" and entry.chosen[0]["trained_on"] == ["a", "b"]
    here = predict_dense(exam, candidate, replace(conditions, protocol="frozen", heads=("linear",)))[0]
    assert entry.outputs == here.outputs  # the same training frames, here called by other names
    settings = DEPTHS | {"farthest": 30.0}
    short = replace(exam, task=replace(exam.task, targets=(replace(exam.task.targets[0], settings=settings),)))
    entry = predict_dense(short, candidate, conditions, {"other_depth": source})[0]
    assert max(depth.max() for depth in decoded("depth", entry)) <= 30  # the range of the task that is tested
    with pytest.raises(ValueError, match="no head to transfer"):
        predict_dense(exam, candidate, conditions, {})


@pytest.mark.parametrize(
    "method,head,kind",
    [
        ("lora", "dpt", "segmentation"),
        ("full", "dpt", "depth"),
        ("dora", "linear", "partial"),
        ("lora", "mask2former", "instances"),
    ],
)
def test_a_tuned_trunk_is_kept_and_reloads(method, head, kind, make_exam, candidate, tmp_path):
    before = candidate.encoder.fingerprint
    conditions = Conditions(method, tmp_path / "cache", (head,), model_dir=tmp_path / "models")
    conditions = small(conditions, 8)
    exam = make_exam(kind)
    entry = predict_dense(exam, candidate, conditions)[0]
    assert candidate.encoder.fingerprint == before
    assert not candidate.encoder.model.training
    folder = tmp_path / "models" / "without-d" / f"mask-{head}"
    model = load_model(folder).eval()
    sitting = DenseSitting(exam, candidate, conditions.image_size, conditions.dense, tmp_path)
    target = exam.task.targets[0]
    network = DenseNetwork(model, target, head, typical_depth(target, exam.folds[0]))
    predict = sitting.predicting(target, sitting.pixels, network.predict)
    reloaded = [from_bytes(kind, content) for content in predict(sitting.rows_of["d"])]
    for one, other in zip(decoded(kind, entry), reloaded, strict=True):
        if kind == "instances":
            assert np.allclose(one.scores, other.scores, atol=1e-3) if len(one.scores) == len(other.scores) else True
        elif kind == "depth":
            np.testing.assert_allclose(one, other, rtol=1e-2)
        else:
            assert (one == other).mean() > 0.99
    assert set(entry.chosen[0]["tuning"]) <= set(asdict(conditions.tuning)) - {"epochs", "batch_size", "patience"}
    assert entry.chosen[0]["folder"] == str(folder)
    other = tmp_path / "others" / "without-d" / f"mask-{head}"
    again = predict_dense(exam, candidate, replace(conditions, model_dir=tmp_path / "others"))[0]
    assert again.outputs == entry.outputs and (other / "dense.json").is_file()
    assert again.chosen == [entry.chosen[0] | {"folder": str(other)}]  # a result names its own model
    without = predict_dense(exam, candidate, replace(conditions, model_dir=None))[0]
    assert without.chosen == [{name: value for name, value in entry.chosen[0].items() if name != "folder"}]


def test_a_trunk_that_trains_learns_colours(make_exam, candidate, rows, tmp_path):
    conditions = small(Conditions("lora", tmp_path, ("linear",)), 60)
    entry = predict_dense(make_exam("segmentation"), candidate, conditions)[0]
    assert mean_dice(decoded("segmentation", entry), truths(rows, "segmentation")) > 0.7


def test_raw_pixels_have_the_linear_head_alone(make_exam, tmp_path):
    for protocol in ("frozen", "lora"):
        found = predict_dense(
            make_exam("segmentation"), raw_pixels(), small(Conditions(protocol, tmp_path, ("dpt",)), 5)
        )
        assert [entry.head for entry in found] == ["linear"]


def test_a_head_of_another_kind_is_refused(make_exam, candidate, tmp_path):
    with pytest.raises(ValueError, match=r"mask \(depth\): no head 'mask2former'; expected of linear, dpt"):
        predict_dense(make_exam("depth"), candidate, Conditions("frozen", tmp_path, ("mask2former",)))


@pytest.mark.parametrize("kind", ["segmentation", "partial", "depth", "instances"])
def test_constant_baselines_look_at_training_truth_alone(kind, make_exam):
    exam, flipped = make_exam(kind), make_exam(kind, flip=True)
    found = predict_without_pictures(exam, exam.task.targets[0])
    assert [(entry.head, entry.run) for entry in found] == [("chance", "drawn"), ("majority", "constant")]
    assert found == predict_without_pictures(flipped, exam.task.targets[0])
    for entry in found:
        assert len(entry.outputs["d"]) == 4
        for value in decoded(kind, entry):
            assert (value.size if kind == "instances" else value.shape) == (HEIGHT, WIDTH)
    scores, _, _ = exam.truth.score(found)
    assert all(np.isfinite(score["per_video"]["d"][exam.task.targets[0].score]) for score in scores)


def test_constant_baselines_hold_one_truth_at_a_time(make_exam, monkeypatch):
    alive, most = weakref.WeakSet(), []

    class Truth(np.ndarray):
        """That can be counted."""

        __hash__ = object.__hash__

    def read(cell):
        truth = read_truth(cell).view(Truth)
        alive.add(truth)
        most.append(len(alive))
        return truth

    exam = make_exam("segmentation")
    folds = tuple(
        replace(fold, train={"mask": {v: FrameTruths(t.cells, read) for v, t in fold.train["mask"].items()}})
        for fold in exam.folds
    )
    predict_without_pictures(replace(exam, folds=folds), exam.task.targets[0])
    assert len(most) == 8 and max(most) <= 2


def test_validation_takes_no_distances(make_exam, candidate, tmp_path, monkeypatch):
    measured = "zen_hf.benchmark.metrics.semantic_segmentation.semantic_segmentation.hd95_maxdir"
    monkeypatch.setattr(measured, None)
    entry = predict_dense(make_exam("segmentation"), candidate, small(Conditions("frozen", tmp_path, ("linear",)), 5))
    assert len(entry[0].chosen[0]["validation_scores"]) == 2


def test_stored_predictions_say_what_they_are_of(make_exam, candidate, tmp_path):
    predict_dense(make_exam("segmentation"), candidate, small(Conditions("frozen", tmp_path, ("linear",)), 5))
    (path,) = (tmp_path / "dense_predictions").iterdir()
    with safe_open(path, framework="numpy") as file:
        key = file.metadata()["key"]
    for part in ('"head": "linear"', candidate.encoder.fingerprint, '"faster-coco-eval"', '"peft"', '"zen-hf"'):
        assert part in key


def test_sizes_of_the_canvas_fit_the_patches(candidate):
    assert Layout.of(candidate.encoder, 64).canvas([(HEIGHT, WIDTH)]) == (52, 84)
