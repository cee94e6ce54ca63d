# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""One reader per dataset: the official download on disk in, one canonical `datasets.Dataset` out."""
