# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Average precision of boxes and of instance masks."""
