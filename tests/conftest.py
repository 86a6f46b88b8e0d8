"""What every test may use: the checkout's root, and Hypothesis without a clock."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("tyrex", deadline=None, print_blob=True)
settings.load_profile("tyrex")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[1]
