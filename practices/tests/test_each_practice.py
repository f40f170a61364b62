"""Work of the installation in one practice after another."""

import pytest

from core.tenancy.scope import ScopeError, current_practice_id
from practices.services import each_practice


def test_each_practice_is_open_in_its_turn_and_none_afterwards(practice, other_practice):
    opened = [(practice_id, current_practice_id()) for practice_id in each_practice()]

    assert opened == [(one, one) for one in sorted([practice.pk, other_practice.pk])]
    with pytest.raises(ScopeError):
        current_practice_id()


def test_work_that_fails_leaves_no_practice_open(practice, other_practice):
    with pytest.raises(ZeroDivisionError):
        for _practice in each_practice():
            1 / 0  # noqa: B018

    with pytest.raises(ScopeError):
        current_practice_id()
