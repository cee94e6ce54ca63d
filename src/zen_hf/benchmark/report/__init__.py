# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Pages, tables and metadata about benchmark results."""
