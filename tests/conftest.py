import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from support.sanitizers import take_reports  # noqa: E402


@pytest.fixture(autouse=True)
def no_sanitizer_says_anything():
    """About a program that this test ran, or about the interpreter that runs it."""
    yield
    folder = os.environ.get("H5CAP_SANITIZER_REPORTS")
    reports = take_reports(folder) if folder else []
    assert not reports, f"{len(reports)} sanitizer reports, the first:\n{reports[0]}"
