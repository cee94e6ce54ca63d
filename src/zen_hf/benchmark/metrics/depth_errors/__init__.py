# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Errors of depth maps, as they are and after median scaling."""
