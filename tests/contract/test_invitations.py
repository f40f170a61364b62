"""/api/invitations: a manager invites, sends again and withdraws, as on the pages."""

import pytest

from tests.contract.clinic import NOBODY

PATH = "/api/invitations"
NORA = {"name": "Dr. Nora New", "email": "Nora@Example.com", "role": "doctor"}


def invited(clinic, **fields):
    made = clinic.admin.post(PATH, NORA | fields)
    assert made.status == 201, made
    return made.json


def test_invitation_is_made_listed_sent_again_and_withdrawn(clinic):
    before = clinic.admin.get(PATH).json["total"]
    made = invited(clinic)
    said = {name: made[name] for name in (*NORA, "state", "invitedById")}
    assert said == {**NORA, "state": "pending", "invitedById": clinic.admin.id}
    assert set(made) == {*said, "id", "sentAt", "expiresAt"}  # and no link, which only the mail has
    listed = clinic.admin.get(PATH, state="pending", limit=1).json
    assert (listed["invitations"], clinic.admin.get(PATH).json["total"]) == ([made], before + 1)

    again = clinic.admin.post(f"{PATH}/{made['id']}/resend")
    assert again.status == 200 and again.json["sentAt"] > made["sentAt"]
    withdrawn = clinic.admin.post(f"{PATH}/{made['id']}/withdraw").json
    assert withdrawn == {**again.json, "state": "withdrawn"}
    for verb in ("resend", "withdraw"):
        assert clinic.admin.post(f"{PATH}/{made['id']}/{verb}").status == 409
    assert made["id"] in [one["id"] for one in clinic.admin.get(PATH, state="withdrawn", limit=100).json["invitations"]]
    assert invited(clinic)["id"] != made["id"]  # the same person can be invited again


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "\u200b"}, "name"),
        ({"email": "nobody"}, "email"),
        ({"role": "superuser"}, "role"),
        ({"role": None}, "role"),
        ({"password": "Rather-l0ng-indeed"}, "password"),
    ],
)
def test_wrong_value_is_named(clinic, change, field):
    refused = clinic.admin.post(PATH, {**NORA, "email": "other@example.com", **change})
    assert refused.status == 400 and set(refused.json["errors"]) == {field}


def test_who_has_an_account_or_an_invitation_is_not_invited(clinic):
    invited(clinic, email="twice@example.com")
    for email in ("TWICE@example.com", clinic.staff.user["email"]):
        refused = clinic.admin.post(PATH, {**NORA, "email": email})
        assert refused.status == 400 and set(refused.json["errors"]) == {"email"}


def test_only_managers_of_the_practice_see_them(clinic):
    made = invited(clinic, email="seen@example.com")
    for role in ("staff", "doctor", "billing", "patient"):
        assert clinic.as_role(role).get(PATH).status == clinic.as_role(role).post(PATH, NORA).status == 403
    manager = clinic.elsewhere.admin
    assert made["id"] not in [one["id"] for one in manager.get(PATH, limit=100).json["invitations"]]
    for verb in ("resend", "withdraw"):
        assert manager.post(f"{PATH}/{made['id']}/{verb}").status == 404
        assert clinic.admin.post(f"{PATH}/{NOBODY}/{verb}").status == 404
    assert clinic.admin.get(PATH, state="new").status == 400
