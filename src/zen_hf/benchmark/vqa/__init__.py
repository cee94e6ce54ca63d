# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Closed questions about a frame: a frozen text encoder, a small fusion with the patch tokens, and the blind baselines."""
