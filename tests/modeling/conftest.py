# Copyright 2026 The ZEN authors.
# SPDX-License-Identifier: Apache-2.0
"""Makes the marks of transformers' common tests known, which `--strict-markers` would refuse."""


def pytest_configure(config):
    """Declare the marks that test_modeling_common.py carries."""
    for mark in (
        "accelerate_tests",
        "flash_attn_test",
        "flash_attn_3_test",
        "flash_attn_4_test",
        "torch_compile_test",
    ):
        config.addinivalue_line("markers", f"{mark}: of transformers' common tests")
