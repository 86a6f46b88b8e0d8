"""What every test may use: the checkout's root, and Hypothesis without a clock; and the summary of tiers."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.tiers import pytest_terminal_summary as pytest_terminal_summary

settings.register_profile("tyrex", deadline=None, print_blob=True)
settings.load_profile("tyrex")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[1]
