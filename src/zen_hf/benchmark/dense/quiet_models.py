# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Dense models without transformers' remark that Mask2Former was not made for our backbone: it works with it, as tested."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from transformers import PreTrainedModel

from zen_hf.modeling import dense_models

SPEAKER = "transformers.models.mask2former.configuration_mask2former"  # it has no other warning


def dense_model(trunk: PreTrainedModel, **arguments) -> PreTrainedModel:
    """`dense_models.dense_model`, built quietly."""
    with without_remark():
        return dense_models.dense_model(trunk, **arguments)


@contextmanager
def without_remark() -> Iterator[None]:
    """Within it, that file of transformers prints errors only."""
    logger = logging.getLogger(SPEAKER)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
