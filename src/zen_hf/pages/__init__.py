# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""What the HTML pages of several rooms share: their look and their colours."""
