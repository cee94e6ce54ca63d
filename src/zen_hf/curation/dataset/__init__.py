# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The finished frame dataset: shards, splits, weights, manifest, card and pages."""
