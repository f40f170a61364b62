import pytest

from core.tenancy.scope import installation_scope


@pytest.fixture
def in_installation_scope():
    """As the trail's commands work, for tests of what they call."""
    with installation_scope():
        yield
