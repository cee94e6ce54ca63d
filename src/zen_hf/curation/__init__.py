# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Curation: folders of surgical video become a frame dataset that is safe to share and fit to train on."""
