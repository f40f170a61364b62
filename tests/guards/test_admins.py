"""Every admin of the site declares its permissions."""

import pytest
from django.contrib import admin

from accounts.roles import PERMISSIONS
from core.admin.base import Access, PracticeModelAdmin
from core.permissions import Permission

ADMINS = sorted(admin.site._registry.values(), key=lambda each: each.model._meta.label)


def test_all_admins_are_practice_admins():
    assert len(ADMINS) == 20
    assert all(isinstance(each, PracticeModelAdmin) for each in ADMINS)


@pytest.mark.parametrize("each", ADMINS, ids=[each.model._meta.label for each in ADMINS])
def test_every_admin_declares_its_permissions(each):
    assert "access" in vars(type(each)), "each class declares it itself instead of inheriting it"
    assert isinstance(each.access, Access)
    assert isinstance(each.access.view, Permission)
    assert all(needed is None or isinstance(needed, Permission) for needed in each.access)
    held = frozenset().union(*PERMISSIONS.values())
    assert {needed for needed in each.access if needed} <= held, "a permission that no role has"
