# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Metrics as `evaluate.Metric` modules, each loadable by its path: `evaluate.load("…/metrics/tool_map")`."""
