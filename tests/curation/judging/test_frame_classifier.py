"""The classifier beside scikit-learn, its threshold beside a brute-force search, and its refusals."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from zen_hf.curation.judging.frame_classifier import REGULARISATION, FrameClassifier, choose_threshold, judge
from zen_hf.modeling.frame_encoder import FrameEncoder


def labelled(videos=6, frames=20, gap=3.0, seed=0):
    """Features of junk and usable frames, each video with a shift of its own."""
    random = np.random.default_rng(seed)
    groups = np.repeat([f"v{number}" for number in range(videos)], frames)
    labels = random.random(len(groups)) < 0.3
    features = random.normal(size=(len(groups), 8)) + np.repeat(random.normal(size=(videos, 8)), frames, axis=0)
    features[:, 0] += gap * labels
    return 5 + 3 * features, labels, groups


def taught(**settings):
    return FrameClassifier.fit(*labelled(), encoder="abc", image_size=28, **settings)


def test_probabilities_are_scikit_learns():
    features, labels, _ = labelled()
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=REGULARISATION, max_iter=2000)).fit(
        features, labels
    )
    np.testing.assert_allclose(taught().probabilities(features), reference.predict_proba(features)[:, 1], atol=1e-6)


def test_a_video_is_judged_by_what_did_not_see_it():
    features, labels, groups = labelled(gap=6.0)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=REGULARISATION, max_iter=2000))
    reference = cross_val_predict(
        pipeline, features, labels, groups=groups, cv=LeaveOneGroupOut(), method="predict_proba"
    )[:, 1]
    judged = judge(features, labels, groups)
    np.testing.assert_allclose(judged.probabilities, reference, atol=1e-6)
    poisoned = labels.copy()
    poisoned[groups == "v2"] = ~poisoned[groups == "v2"]
    other = judge(features, poisoned, groups)
    np.testing.assert_array_equal(other.probabilities[groups == "v2"], judged.probabilities[groups == "v2"])
    np.testing.assert_array_equal(other.refused[groups == "v2"], judged.refused[groups == "v2"])
    assert judged.refused[labels].mean() > 0.5 and labels[judged.refused].mean() > 0.85


def test_the_threshold_is_the_best_of_all():
    random = np.random.default_rng(1)
    for _ in range(20):
        labels = random.random(60) < 0.4
        probabilities = np.round(np.clip(random.normal(0.3 + 0.35 * labels, 0.2), 0, 1), 2)
        refused = random.random(60) < 0.2
        found = choose_threshold(probabilities, labels, refused, 0.9)
        recalls = [-1]
        for threshold in np.linspace(0, 1, 1001):
            hit = (probabilities >= threshold) & ~refused
            if hit.any() and labels[hit].mean() >= 0.9:
                recalls.append((hit & labels).sum())
        if found is None:
            assert recalls == [-1]
            continue
        hit = (probabilities >= found) & ~refused
        assert labels[hit].mean() >= 0.9 and (hit & labels).sum() == max(recalls)


def test_a_higher_precision_refuses_less():
    loose, strict = taught(precision=0.7), taught(precision=1.0)
    features = labelled()[0]
    assert strict.threshold > loose.threshold
    assert (strict.probabilities(features) >= strict.threshold).sum() < (
        loose.probabilities(features) >= loose.threshold
    ).sum()


def test_it_comes_back_as_it_was(tmp_path, vit_teacher):
    encoder = FrameEncoder.from_pretrained(str(vit_teacher))
    classifier = replace(taught(), encoder=encoder.fingerprint)
    classifier.save(tmp_path / "deep" / "classifier")
    again = FrameClassifier.load(tmp_path / "deep" / "classifier", encoder, 28)
    features = labelled()[0]
    assert again.probabilities(features).tobytes() == classifier.probabilities(features).tobytes()
    assert (again.threshold, again.encoder, again.image_size) == (classifier.threshold, encoder.fingerprint, 28)


def test_another_encoder_is_refused(tmp_path, vit_teacher, cnn_teacher):
    encoder = FrameEncoder.from_pretrained(str(vit_teacher))
    replace(taught(), encoder=encoder.fingerprint).save(tmp_path)
    with pytest.raises(ValueError, match="taught with encoder .* use the same encoder"):
        FrameClassifier.load(tmp_path, FrameEncoder.from_pretrained(str(cnn_teacher)))
    with pytest.raises(ValueError, match="taught with image_size 28, not 56"):
        FrameClassifier.load(tmp_path, encoder, 56)
    facts = json.loads((tmp_path / "classifier.json").read_text())
    (tmp_path / "classifier.json").write_text(json.dumps(facts | {"frame_to_pixels": "centre crop"}))
    with pytest.raises(ValueError, match="taught with frame_to_pixels 'centre crop'"):
        FrameClassifier.load(tmp_path, encoder, 28)
    with pytest.raises(ValueError, match="taught with image_size 28, not 224"):
        FrameClassifier.load(tmp_path, encoder)  # its own size
    with pytest.raises(FileNotFoundError, match="write them with"):
        FrameClassifier.load(tmp_path / "nothing", encoder)


def test_what_cannot_be_taught_is_refused():
    features, labels, groups = labelled()
    with pytest.raises(ValueError, match="junk is labelled in 1 videos"):
        FrameClassifier.fit(features, labels & (groups == "v0"), groups, "abc", 28)
    with pytest.raises(ValueError, match=r"features are \[5, 8\] for 120 labels"):
        FrameClassifier.fit(features[:5], labels, groups, "abc", 28)
    with pytest.raises(ValueError, match="no threshold refuses junk at a precision of 1"):
        FrameClassifier.fit(-features * (2 * labels[:, None] - 1) * 0 + 1.0, labels, groups, "abc", 28, precision=1.0)
    with pytest.raises(ValueError, match=r"features are \[120, 3\]; expected \[frames, 8\]"):
        taught().probabilities(features[:, :3])
