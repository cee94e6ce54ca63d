# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Extraction: any encoder over any video or frames, written as features that are found again."""
