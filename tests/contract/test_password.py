"""POST /api/users/me/password, and a forgotten one: POST /api/auth/password-reset and …/confirm."""

import re

import pytest

from tests.contract.clients import Caller
from tests.contract.clinic import PASSWORD, fresh_email
from tests.contract.test_lockout import assert_locked

MINE = "/api/users/me/password"
ASK, CONFIRM = "/api/auth/password-reset", "/api/auth/password-reset/confirm"
NEW = "Another1!"
ASKED = "If this email has an account, we've sent a password reset link to it. It works for 30 minutes."


@pytest.fixture
def person(clinic):
    return clinic.hire("staff")


def signed_in(clinic, person, password=PASSWORD):
    caller = Caller(clinic.transport)
    return caller, caller.sign_in(person.user["email"], password).status


def change(caller, current=PASSWORD, new=NEW):
    return caller.post(MINE, {"current": current, "new": new})


def test_new_password_ends_every_other_session_and_this_one_goes_on(clinic, person):
    other, _ = signed_in(clinic, person)

    answer = change(person)

    assert (answer.status, set(answer.json)) == (200, {"message"})
    assert person.get("/api/users/me").status == 200
    assert person.post("/api/auth/refresh").status == 200
    assert other.get("/api/users/me").status == 401
    assert other.post("/api/auth/refresh").status == 401
    assert signed_in(clinic, person)[1] == 401
    assert signed_in(clinic, person, NEW)[1] == 200


def test_mobile_app_changes_it_and_goes_on(clinic, person):
    tokens = Caller(clinic.transport).post("/auth/login", {"email": person.user["email"], "password": PASSWORD}).json
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    phone = Caller(clinic.transport)

    assert phone.post(MINE, {"current": PASSWORD, "new": NEW}, headers=bearer).status == 200

    assert phone.request("GET", "/api/users/me", headers=bearer).status == 200
    assert person.get("/api/users/me").status == 401


def test_invalid_field_is_named_and_changes_nothing(clinic, person, subtests):
    other, _ = signed_in(clinic, person)

    for fields, named in [
        ({"current": "not it"}, "current"),
        ({"new": "short"}, "new"),
        ({"new": PASSWORD}, "new"),
        ({"new": ""}, "new"),
        ({"new": "n" * 1025}, "new"),
        ({"current": None}, "current"),
        ({"new": ["a"]}, "new"),
    ]:
        with subtests.test(fields=fields, named=named):
            answer = person.post(MINE, {"current": PASSWORD, "new": NEW, **fields})

            assert (answer.status, set(answer.json["errors"])) == (400, {named})
            assert other.get("/api/users/me").status == 200
            assert signed_in(clinic, person)[1] == 200


def test_wrong_current_passwords_lock_separately_from_sign_in(clinic, person):
    assert [signed_in(clinic, person, "wrong")[1] for _ in range(5)] == [401] * 5
    assert [change(person, current="wrong").status for _ in range(5)] == [400] * 5

    assert_locked(change(person))
    assert signed_in(clinic, person)[1] == 429
    assert person.get("/api/users/me").status == 200  # who is signed in stays so


def test_right_current_password_clears_earlier_failures(clinic, person):
    assert [change(person, current="wrong").status for _ in range(4)] == [400] * 4
    assert change(person).status == 200
    assert [change(person, current="wrong").status for _ in range(5)] == [400] * 5


# --- Forgotten


def test_answer_is_the_same_whether_or_not_the_email_has_an_account(clinic, anonymous, person):
    for email in (person.user["email"], person.user["email"].upper(), fresh_email(), "no email at all"):
        answer = anonymous.post(ASK, {"email": email})
        assert (answer.status, answer.json, answer.set_cookies) == (200, {"message": ASKED}, [])


def test_asking_too_often_is_answered_the_same(clinic, anonymous, person):
    assert [anonymous.post(ASK, {"email": person.user["email"]}).json for _ in range(6)] == [{"message": ASKED}] * 6


def test_non_text_is_malformed(anonymous, subtests):
    for body in [{}, {"email": ""}, {"email": None}, {"email": 5}, {"email": "e" * 255}]:
        with subtests.test(body=body):
            answer = anonymous.post(ASK, body)

            assert (answer.status, set(answer.json["errors"])) == (400, {"email"})


TOKENS = ["x", "-", "é", f"{'0' * 32}-abc-def", f"{'f' * 32}-czzzzz-{'0' * 32}", f"{'f' * 32}", "a" * 200]


def test_invalid_token_sets_nothing(anonymous, subtests):
    for token in TOKENS:
        with subtests.test(token=token):
            answer = anonymous.post(CONFIRM, {"token": token, "password": NEW})

            assert answer.status == 400
            assert answer.json == {
                "detail": "This link has expired or has already been used. Please request a new one."
            }


def link_sent_to(person, mailbox):
    """The token of the newest link."""
    (text,) = [message.body for message in mailbox if message.to == [person.user["email"]]][-1:]
    return re.search(r"/password-reset/([\w-]+)/", text)[1]


class TestTheLink:
    """In-process only, where the mail can be read."""

    @pytest.fixture
    def person(self, clinic):
        return clinic.hire("doctor")

    @pytest.fixture
    def token(self, clinic, person, mailbox):
        assert clinic.anonymous.post(ASK, {"email": person.user["email"]}).status == 200
        return link_sent_to(person, mailbox)

    def test_reset_token_works_once_and_ends_every_session(self, clinic, person, token):
        anonymous = clinic.anonymous
        assert person.get("/api/users/me").status == 200

        answer = anonymous.post(CONFIRM, {"token": token, "password": NEW})

        assert (answer.status, set(answer.json), answer.set_cookies) == (200, {"message"}, [])
        assert person.get("/api/users/me").status == 401
        assert person.post("/api/auth/refresh").status == 401
        assert signed_in(clinic, person)[1] == 401
        assert signed_in(clinic, person, NEW)[1] == 200
        assert anonymous.post(CONFIRM, {"token": token, "password": "Third one!"}).status == 400
        assert signed_in(clinic, person, NEW)[1] == 200

    def test_weak_password_does_not_use_up_the_reset_token(self, clinic, token):
        anonymous = clinic.anonymous

        weak = anonymous.post(CONFIRM, {"token": token, "password": "short"})

        assert (weak.status, set(weak.json["errors"])) == (400, {"password"})
        assert anonymous.post(CONFIRM, {"token": token, "password": NEW}).status == 200

    def test_password_reset_clears_the_lockout(self, clinic, person, token):
        assert [signed_in(clinic, person, "wrong")[1] for _ in range(6)] == [401] * 5 + [429]

        assert clinic.anonymous.post(CONFIRM, {"token": token, "password": NEW}).status == 200

        assert signed_in(clinic, person, NEW)[1] == 200

    def test_another_password_change_invalidates_the_reset_token(self, clinic, person, token):
        assert change(person).status == 200

        assert clinic.anonymous.post(CONFIRM, {"token": token, "password": "Third one!"}).status == 400

    def test_deactivation_invalidates_the_reset_token(self, clinic, person, token):
        admin, address = clinic.admin, f"/api/users/{person.id}"
        for active in (False, True):
            assert admin.patch(address, {"isActive": active}).status == 200
            assert clinic.anonymous.post(CONFIRM, {"token": token, "password": NEW}).status == 400

    def test_reset_token_is_for_its_account_only(self, clinic, person, token):
        other = clinic.hire("staff")
        swapped = token.replace(person.id.replace("-", ""), other.id.replace("-", ""))

        assert swapped != token
        assert clinic.anonymous.post(CONFIRM, {"token": swapped, "password": NEW}).status == 400
