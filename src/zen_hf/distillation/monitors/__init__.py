# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What a distillation has learnt, read from features of held-out videos, not from the loss; one monitor per file."""
