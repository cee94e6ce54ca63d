# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What is curated, and under which ids: files, folders, tables and rows of datasets."""
