"""One's own password and email: whoever has the cookie of an open session has neither without the password."""

import pytest
from django.test import Client

from accounts.models import LoginSession, RevocationReason, User
from accounts.passwords import reset as password_reset
from accounts.passwords import services as passwords_services
from accounts.sign_in import services as sign_in_services
from accounts.tests.factories import PASSWORD
from accounts.tests.trail import logged_events
from accounts.users import services
from audit.events import AuditEvent
from tests.admin_forms import errors_of, form_values, page_of, send

PAGE = "/admin/password_change/"
NEW = "An0ther!!"
FORM = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}


def now(user):
    return User.all_practices.get(pk=user.pk)


# --- The page of one's own password


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"old_password": "wrong"}, "old_password"),
        ({"old_password": ""}, "old_password"),
        ({"new_password1": PASSWORD, "new_password2": PASSWORD}, "new_password1"),
        ({"new_password2": "other"}, "new_password2"),
        ({"new_password1": "abc", "new_password2": "abc"}, "new_password2"),
    ],
    ids=["wrong", "none", "the same", "unequal", "weak"],
)
def test_invalid_own_password_form_shows_field_error(enter_as, sent, field):
    client = enter_as("admin")
    answer = client.post(PAGE, {**FORM, **sent})
    assert (answer.status_code, list(answer.context["form"].errors)) == (200, [field])
    assert now(client.user).check_password(PASSWORD)
    assert client.get("/admin/").status_code == 200


def test_session_goes_on_and_the_others_end(enter_as):
    client = enter_as("staff")
    other = Client()
    other.force_login(client.user)

    assert client.post(PAGE, FORM).status_code == 302

    assert (client.get("/admin/").status_code, other.get("/admin/").status_code) == (200, 302)
    assert LoginSession.objects.get(user=client.user, revocation_reason=RevocationReason.NEW_PASSWORD)
    assert now(client.user).check_password(NEW)


@pytest.mark.parametrize("moment", ["read", "compared"])
def test_password_reset_during_own_change_wins(enter_as, monkeypatch, moment):
    """Its owner took the account back by a link, while somebody who knew the old password sent the form."""
    client = enter_as("admin")

    def reset():
        token = password_reset.token_for(now(client.user))
        password_reset.confirm(token=token, password="The-owner's-1")

    confirm = sign_in_services.confirm_password
    and_lose = {"read": lambda **g: (reset(), confirm(**g))[1], "compared": lambda **g: (confirm(**g), reset())[0]}
    monkeypatch.setattr(passwords_services, "confirm_password", and_lose[moment])

    assert client.post(PAGE, FORM).status_code == (200 if moment == "read" else 401)

    assert now(client.user).check_password("The-owner's-1")
    assert client.get("/admin/").status_code == 302


# --- The page of the person that one is


def test_ones_own_page_has_no_new_password_and_leads_to_where_it_is_changed(enter_as, own):
    client = enter_as("admin")
    assert "new_password" not in form_values(client, client.user)
    assert f'<a href="{PAGE}">on its own page</a>' in client.get(page_of(client.user)).content.decode()
    theirs = client.get(page_of(own.doctor)).context["adminform"].form.fields
    assert not {"new_password", "current_password"} & set(theirs)  # they set it themselves, by a link


def test_own_password_change_requires_current_password(enter_as):
    client = enter_as("admin")
    assert send(client, client.user, new_password=NEW, name="Renamed").status_code == 302
    assert (now(client.user).name, now(client.user).check_password(PASSWORD)) == ("Renamed", True)


@pytest.mark.parametrize("typed", [None, "wrong"])
def test_own_email_change_requires_password(enter_as, typed):
    """A link for a forgotten password would follow."""
    client = enter_as("admin")
    answer = send(client, client.user, email="thief@example.com", name="Renamed", current_password=typed)
    assert set(errors_of(answer)) == {"current_password"}
    assert (now(client.user).email, now(client.user).name) == (client.user.email, client.user.name)


def test_ones_own_email_is_changed_with_the_password(enter_as):
    client = enter_as("admin")
    sent = {"email": "new.address@example.com", "current_password": PASSWORD}
    assert send(client, client.user, **sent).status_code == 302
    assert now(client.user).email == "new.address@example.com"
    assert client.get("/admin/").status_code == 200
    assert send(client, client.user, current_password="not asked for").status_code == 302


def test_own_email_change_without_confirmation_is_forbidden(make_user):
    manager = make_user("admin")
    before = sign_in_services.confirm_password(by=manager, password=PASSWORD)
    passwords_services.change_password(by=now(manager), current=PASSWORD, new=NEW, keep=None)
    for confirmed in (None, before):
        with pytest.raises(services.Forbidden, match="Enter your password to change your own email"):
            services.update_user(user=now(manager), by=manager, email="thief@example.com", confirmed=confirmed)


def test_guesses_at_the_password_are_counted_there_too(enter_as):
    client = enter_as("admin")
    guess = {"email": "thief@example.com", "current_password": "wrong"}
    said = [errors_of(send(client, client.user, **guess))["current_password"][0] for _ in range(6)]
    assert said[:5] == ["Incorrect password."] * 5
    assert said[5].startswith("Too many")
    assert (len(logged_events(AuditEvent.SIGN_IN_FAILED)), len(logged_events(AuditEvent.LOCKED_OUT))) == (5, 1)
    right = errors_of(send(client, client.user, **{**guess, "current_password": PASSWORD}))
    assert (list(right), now(client.user).email) == (["current_password"], client.user.email)
    assert client.post(PAGE, FORM).status_code == 429


def test_colleague_email_change_needs_no_password(enter_as, own):
    client = enter_as("admin")
    assert send(client, own.doctor, email="dr.new@example.com").status_code == 302
    assert now(own.doctor).email == "dr.new@example.com"
