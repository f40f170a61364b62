"""POST /api/users/me/password, and a forgotten one: POST /api/auth/password-reset and …/confirm."""

import re

import pytest

from tests.contract.clinic import PASSWORD, fresh_email
from tests.contract.doors import Caller
from tests.contract.test_lockout import assert_locked

MINE = "/api/users/me/password"
ASK, CONFIRM = "/api/auth/password-reset", "/api/auth/password-reset/confirm"
NEW = "Another1!"
ASKED = "If this email has an account, a link that sets a new password is on its way. It works for 30 minutes."


@pytest.fixture
def person(clinic):
    return clinic.hire("staff")


def signed_in(clinic, person, password=PASSWORD):
    caller = Caller(clinic.door)
    return caller, caller.sign_in(person.user["email"], password).status


def change(caller, current=PASSWORD, new=NEW):
    return caller.post(MINE, {"current": current, "new": new})


def test_a_new_password_ends_every_other_session_and_this_one_goes_on(clinic, person):
    other, _ = signed_in(clinic, person)

    answer = change(person)

    assert (answer.status, set(answer.json)) == (200, {"message"})
    assert person.get("/api/users/me").status == 200
    assert person.post("/api/auth/refresh").status == 200
    assert other.get("/api/users/me").status == 401
    assert other.post("/api/auth/refresh").status == 401
    assert signed_in(clinic, person)[1] == 401
    assert signed_in(clinic, person, NEW)[1] == 200


def test_a_mobile_app_changes_it_and_goes_on(clinic, person):
    tokens = Caller(clinic.door).post("/auth/login", {"email": person.user["email"], "password": PASSWORD}).json
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    phone = Caller(clinic.door)

    assert phone.post(MINE, {"current": PASSWORD, "new": NEW}, headers=bearer).status == 200

    assert phone.ask("GET", "/api/users/me", headers=bearer).status == 200
    assert person.get("/api/users/me").status == 401


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"current": "not it"}, "current"),
        ({"new": "short"}, "new"),
        ({"new": PASSWORD}, "new"),
        ({"new": ""}, "new"),
        ({"new": "n" * 1025}, "new"),
        ({"current": None}, "current"),
        ({"new": ["a"]}, "new"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field_and_changes_nothing(clinic, person, fields, named):
    other, _ = signed_in(clinic, person)

    answer = person.post(MINE, {"current": PASSWORD, "new": NEW, **fields})

    assert (answer.status, set(answer.json["errors"])) == (400, {named})
    assert other.get("/api/users/me").status == 200
    assert signed_in(clinic, person)[1] == 200


def test_wrong_ones_lock_as_at_sign_in_and_are_counted_apart(clinic, person):
    assert [signed_in(clinic, person, "wrong")[1] for _ in range(5)] == [401] * 5
    assert [change(person, current="wrong").status for _ in range(5)] == [400] * 5

    assert_locked(change(person))
    assert signed_in(clinic, person)[1] == 429
    assert person.get("/api/users/me").status == 200  # who is signed in stays so


def test_the_right_one_clears_the_failures_before_it(clinic, person):
    assert [change(person, current="wrong").status for _ in range(4)] == [400] * 4
    assert change(person).status == 200
    assert [change(person, current="wrong").status for _ in range(5)] == [400] * 5


# --- Forgotten


def test_the_answer_is_the_same_whether_or_not_the_email_has_an_account(clinic, anonymous, person):
    for email in (person.user["email"], person.user["email"].upper(), fresh_email(), "no email at all"):
        answer = anonymous.post(ASK, {"email": email})
        assert (answer.status, answer.json, answer.set_cookies) == (200, {"message": ASKED}, [])


def test_asking_too_often_is_answered_the_same(clinic, anonymous, person):
    assert [anonymous.post(ASK, {"email": person.user["email"]}).json for _ in range(6)] == [{"message": ASKED}] * 6


@pytest.mark.parametrize("body", [{}, {"email": ""}, {"email": None}, {"email": 5}, {"email": "e" * 255}])
def test_what_is_no_text_is_malformed(anonymous, body):
    answer = anonymous.post(ASK, body)

    assert (answer.status, set(answer.json["errors"])) == (400, {"email"})


TOKENS = ["x", "-", "é", f"{'0' * 32}-abc-def", f"{'f' * 32}-czzzzz-{'0' * 32}", f"{'f' * 32}", "a" * 200]


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_that_is_none_sets_nothing(anonymous, token):
    answer = anonymous.post(CONFIRM, {"token": token, "password": NEW})

    assert answer.status == 400
    assert answer.json == {"detail": "This link has expired or has been used already. Please ask for a new one."}


def link_sent_to(person, mailbox):
    """The token of the newest link."""
    (text,) = [message.body for message in mailbox if message.to == [person.user["email"]]][-1:]
    return re.search(r"/password-reset/([\w-]+)/", text)[1]


class TestTheLink:
    """Of the door inside this process, whose mail can be read."""

    @pytest.fixture
    def person(self, inner_clinic):
        return inner_clinic.hire("doctor")

    @pytest.fixture
    def token(self, inner_clinic, person, mailbox):
        assert inner_clinic.anonymous.post(ASK, {"email": person.user["email"]}).status == 200
        return link_sent_to(person, mailbox)

    def test_it_sets_the_password_once_and_ends_every_session(self, inner_clinic, person, token):
        anonymous = inner_clinic.anonymous
        assert person.get("/api/users/me").status == 200

        answer = anonymous.post(CONFIRM, {"token": token, "password": NEW})

        assert (answer.status, set(answer.json), answer.set_cookies) == (200, {"message"}, [])
        assert person.get("/api/users/me").status == 401
        assert person.post("/api/auth/refresh").status == 401
        assert signed_in(inner_clinic, person)[1] == 401
        assert signed_in(inner_clinic, person, NEW)[1] == 200
        assert anonymous.post(CONFIRM, {"token": token, "password": "Third one!"}).status == 400
        assert signed_in(inner_clinic, person, NEW)[1] == 200

    def test_a_weak_password_leaves_it_as_good_as_before(self, inner_clinic, token):
        anonymous = inner_clinic.anonymous

        weak = anonymous.post(CONFIRM, {"token": token, "password": "short"})

        assert (weak.status, set(weak.json["errors"])) == (400, {"password"})
        assert anonymous.post(CONFIRM, {"token": token, "password": NEW}).status == 200

    def test_it_opens_the_lock(self, inner_clinic, person, token):
        assert [signed_in(inner_clinic, person, "wrong")[1] for _ in range(6)] == [401] * 5 + [429]

        assert inner_clinic.anonymous.post(CONFIRM, {"token": token, "password": NEW}).status == 200

        assert signed_in(inner_clinic, person, NEW)[1] == 200

    def test_any_other_new_password_takes_it(self, inner_clinic, person, token):
        assert change(person).status == 200

        assert inner_clinic.anonymous.post(CONFIRM, {"token": token, "password": "Third one!"}).status == 400

    def test_a_deactivation_takes_it_for_good(self, inner_clinic, person, token):
        admin, address = inner_clinic.admin, f"/api/users/{person.id}"
        for active in (False, True):
            assert admin.patch(address, {"isActive": active}).status == 200
            assert inner_clinic.anonymous.post(CONFIRM, {"token": token, "password": NEW}).status == 400

    def test_it_is_of_that_account_alone(self, inner_clinic, person, token):
        other = inner_clinic.hire("staff")
        swapped = token.replace(person.id.replace("-", ""), other.id.replace("-", ""))

        assert swapped != token
        assert inner_clinic.anonymous.post(CONFIRM, {"token": swapped, "password": NEW}).status == 400
