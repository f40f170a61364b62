"""Where a practice requires a second factor of everybody who works there."""

import pytest
from django.test import Client

from accounts.models import Passkey
from accounts.second_factor import services
from accounts.tests.factories import PASSWORD
from accounts.tests.second_factors import MFA, delete, post
from core.api.permissions import SECOND_FACTOR_DUE
from core.errors import Forbidden


@pytest.fixture
def require(practice, make_user, commit):
    """`require(True)`: the practice asks its workforce for a second factor, as an office manager decided."""
    manager = make_user("admin")

    def go(required=True):
        with commit():
            services.require_second_factor(practice=practice, by=manager, required=required)

    return go


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing"])
def test_new_requirement_applies_from_next_request(as_role, require, set_up, role):
    client = as_role(role)
    assert client.get("/api/patients").status_code == 200

    require()

    refused = client.get("/api/patients")
    assert (refused.status_code, refused.json()) == (403, {"detail": SECOND_FACTOR_DUE})
    assert client.get("/api/users/me").status_code == 200
    assert client.get(MFA).json()["required"] is True
    set_up(client)
    assert client.get("/api/patients").status_code == 200


def test_required_factor_does_not_apply_to_patients(as_role, require):
    client = as_role("patient")

    require()

    assert client.get("/api/patients").status_code == 200
    assert client.get(MFA).json()["required"] is False


def test_user_without_factor_signs_in_to_set_one_up(make_user, require, set_up):
    user, client = make_user("staff"), Client()
    require()

    assert post(client, "/api/auth/login", {"email": user.email, "password": PASSWORD}).status_code == 200
    assert client.get("/api/patients").status_code == 403
    set_up(client)
    assert client.get("/api/patients").status_code == 200


def test_requirement_can_be_lifted(as_role, require):
    client = as_role("staff")
    require()
    require(False)

    assert client.get("/api/patients").status_code == 200


def test_session_with_second_factor_is_not_due(as_role, require, set_up):
    client = as_role("staff")
    set_up(client)

    require()

    assert client.get("/api/patients").status_code == 200


def test_removing_last_required_factor_blocks_api(as_role, require, set_up, commit):
    client = as_role("staff")
    set_up(client)
    require()

    with commit():
        assert delete(client, f"{MFA}/totp", {"password": PASSWORD}).status_code == 204

    assert client.get("/api/patients").status_code == 403
    assert client.get(MFA).json()["recoveryCodesLeft"] == 0
    set_up(client)
    assert client.get("/api/patients").status_code == 200


def test_one_of_two_may_be_removed_where_one_is_required(as_role, require, set_up):
    client = as_role("staff")
    set_up(client)
    Passkey.objects.create(user=client.user, name="Phone", credential_id=b"id", public_key=b"key")
    require()

    assert delete(client, f"{MFA}/totp", {"password": PASSWORD}).status_code == 204
    assert client.get("/api/patients").status_code == 200


def test_factor_removed_before_requirement_does_not_count(as_role, require, set_up, commit):
    client = as_role("staff")
    set_up(client)
    with commit():
        assert delete(client, f"{MFA}/totp", {"password": PASSWORD}).status_code == 204

    require()

    assert client.get("/api/patients").status_code == 403


def test_only_who_manages_the_practice_requires_it(make_user, practice, other_practice):
    for by in (make_user("staff"), make_user("doctor"), make_user("admin", practice=other_practice)):
        with pytest.raises(Forbidden):
            services.require_second_factor(practice=practice, by=by, required=True)
