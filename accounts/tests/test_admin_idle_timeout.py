"""The admin site ends a session that nobody uses, and an open page says so."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import LoginSession, RevocationReason, User
from accounts.tests.test_idle_timeout import ENDED, TIMED_OUT, call
from core.tenancy.scope import installation_scope, practice_scope
from practices.models import Office


def login_page(client):
    return client.get("/").content.decode()


def test_admin_session_times_out_after_15_minutes(make_user, enter_site, clock):
    client = enter_site(make_user("admin"))

    clock.move(minutes=14, seconds=59)
    assert client.get("/admin/").status_code == 200
    clock.move(minutes=15, seconds=1)
    refused = client.get("/admin/patients/patient/")

    assert (refused.status_code, refused.url) == (302, "/admin/login/?next=/admin/patients/patient/")
    page = login_page(client)
    assert TIMED_OUT["detail"] in page
    assert "not saved" not in page
    assert client.get("/admin/").status_code == 302


def test_form_after_timeout_is_not_saved_and_says_so(make_user, enter_site, clock):
    user = make_user("admin")
    client = enter_site(user)
    clock.move(minutes=16)

    form = {"name": "Late Office", "timezone": "America/New_York"}
    refused = client.post("/admin/practices/office/add/", form)

    assert (refused.status_code, refused.url) == (302, "/admin/login/?next=/admin/practices/office/add/")
    assert f"{TIMED_OUT['detail']} Your last changes were not saved." in login_page(client)
    with practice_scope(user.practice_id):
        assert not Office.objects.exists()


def test_sign_in_after_timeout_returns_to_page(make_user, enter_site, clock):
    user = make_user("admin")
    client = enter_site(user)
    clock.move(minutes=16)
    address = client.get(client.get("/admin/patients/patient/").url).url

    again = client.post(address, {"username": user.email, "password": "Passw0rd!"})

    assert (again.status_code, again.url) == (302, "/admin/patients/patient/")
    assert client.get("/admin/patients/patient/").status_code == 200


def test_admin_session_lasts_a_working_day(make_user, enter_site, clock, settings):
    settings.IDLE_LOGOFF_MINUTES = 0
    client = enter_site(make_user("admin"))
    clock.move(hours=11, minutes=59)
    assert client.get("/admin/").status_code == 200
    clock.move(minutes=2)
    assert client.get("/admin/").status_code == 302


def test_signing_out_of_the_admin_site_ends_the_session(make_user, enter_site, clock):
    user = make_user("admin")
    client = enter_site(user)
    cookie = client.cookies["praxis_admin"].value
    client.post("/admin/logout/")

    assert LoginSession.objects.get(user=user).revocation_reason == RevocationReason.SIGNED_OUT
    client.cookies["praxis_admin"] = cookie
    assert client.get("/admin/").status_code == 302


def test_signing_out_of_the_admin_site_after_a_timeout_is_fine(make_user, enter_site, clock):
    user = make_user("admin")
    client = enter_site(user)
    clock.move(minutes=16)
    assert client.post("/admin/logout/", follow=True).redirect_chain[-1][0] == "/?next=%2Fadmin%2F"


def test_superuser_times_out_too(db, enter_site, clock):
    user = User(email="root@example.com", name="Root", role="admin", is_superuser=True)
    user.set_password("Passw0rd!")
    with installation_scope():
        user.save()
    client = enter_site(user)
    clock.move(minutes=15, seconds=1)
    assert client.get("/admin/pick-practice/").status_code == 302
    assert TIMED_OUT["detail"] in login_page(client)


def test_admin_session_without_login_session_is_ended(make_user, enter_site):
    client = enter_site(make_user("admin"))
    session = client.session
    del session["session"]
    session.save()

    assert client.get("/admin/").status_code == 302
    assert ENDED["detail"] in login_page(client)


def test_changing_ones_own_password_ends_all_sessions_but_this_one(make_user, enter_site, sign_in):
    user = make_user("admin")
    here, there, api = enter_site(user), enter_site(user), sign_in(user)
    form = {"old_password": "Passw0rd!", "new_password1": "Another1!", "new_password2": "Another1!"}
    assert here.post("/admin/password_change/", form).status_code == 302

    assert here.get("/admin/").status_code == 200
    assert there.get("/admin/").status_code == 302
    assert call(api).json() == ENDED
    assert LoginSession.objects.filter(user=user, revocation_reason=RevocationReason.NEW_PASSWORD).count() == 2


def test_page_writes_at_most_one_row_a_minute_and_never_djangos(make_user, enter_site, clock):
    client = enter_site(make_user("admin"))
    client.get("/admin/")

    def writes() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/admin/").status_code == 200
        return [query["sql"].split()[1] for query in queries if query["sql"].startswith("UPDATE")]

    assert writes() == []
    clock.move(seconds=61)
    assert writes() == ['"accounts_session"']
    assert writes() == []


def test_admin_site_and_the_api_time_out_apart(make_user, enter_site, sign_in, clock):
    user = make_user("admin")
    site, api = enter_site(user), sign_in(user)
    clock.move(minutes=10)
    assert call(api).status_code == 200
    clock.move(minutes=10)

    assert (site.get("/admin/").status_code, call(api).status_code) == (302, 200)


# --- What an open page asks and says


def left(client):
    return client.get("/session/left/").json().get("seconds")


def test_open_page_learns_what_is_left_and_reports_typing(make_user, enter_site, clock, subtests):
    client = enter_site(make_user("staff"))
    assert 'data-seconds="900"' in client.get("/calendar/").content.decode()
    assert 'data-seconds="900"' in client.get("/admin/").content.decode()
    clock.move(minutes=10)
    assert 295 <= left(client) <= 300  # and asking is nobody's activity
    assert client.get("/session/active/").status_code == 405
    assert client.post("/session/active/").json()["seconds"] >= 895
    clock.move(minutes=14)
    assert 55 <= left(client) <= 60
    clock.move(minutes=2)
    assert client.get("/session/left/").status_code == 401
    assert TIMED_OUT["detail"] in client.get("/").content.decode()
    assert client.post("/session/active/").status_code == 401


def test_patients_page_is_not_watched(make_user, enter_site, clock):
    client = enter_site(make_user("patient"))
    assert 'id="idle"' not in client.get("/me/").content.decode()
    clock.move(minutes=20)
    assert left(client) > 11 * 60 * 60
