# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Engines that run the stages of a pipeline: on this machine, or on a Ray cluster."""
