# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Protocols: how an encoder is put to a task."""
