# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""The benchmark: tasks, splits, metrics, cached features, heads and protocols that judge one encoder."""
