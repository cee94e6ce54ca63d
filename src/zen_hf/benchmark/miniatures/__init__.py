# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Miniatures: a few videos of synthetic surgery in the exact layout of an official download, one writer per dataset."""
