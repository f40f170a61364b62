"""What a second factor changes: who is signed in, who is asked, what the trail tells, and what nobody gets round."""

import time
from threading import Barrier, Thread

import orjson
import pytest
from django.db import connection
from django.test import Client

from accounts import services as accounts
from accounts import sessions
from accounts.models import Authenticator, Door, Method, Passkey, RecoveryCode, Session, User
from accounts.second_factor import recovery, services
from accounts.second_factor.asking import token_for, user_of
from accounts.tests.factories import PASSWORD
from accounts.tests.second_factors import MFA, code, delete, post, told
from audit import trail
from audit.events import Kind
from audit.tests.whole_trail import whole_trail
from core import redis
from core.errors import Forbidden, Invalid, NotSignedIn, Unavailable
from tests import damage

# --- What ends


def test_other_sessions_end_and_so_do_sign_ins_half_done(as_role, client_of, set_up, rf):
    client = as_role("staff")
    other = client_of(client.user)
    half_done = User.sign_in.get(pk=client.user.pk)

    set_up(client)

    assert other.get("/api/users/me").status_code == 401
    assert client.get("/api/users/me").status_code == 200
    assert Session.objects.live().get(user=client.user).second_factor == Method.TOTP
    assert set(Session.objects.exclude(ending="").values_list("ending", flat=True)) == {"new_factor"}
    with pytest.raises(NotSignedIn):  # their password was checked before, and no second factor was asked for
        sessions.begin(user=half_done, request=rf.post("/"))


def test_a_session_that_ended_meanwhile_adds_nothing(as_role):
    client = as_role("staff")
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    session = Session.objects.get(user=client.user)
    sessions.end(session_id=session.pk)

    with pytest.raises(NotSignedIn):
        services.confirm_totp(by=client.user, code=code(secret), session_id=session.pk)

    assert not Authenticator.objects.filter(confirmed_at__isnull=False).exists()
    assert not RecoveryCode.objects.exists()


def test_a_password_that_changed_after_it_was_confirmed_changes_nothing(as_role, set_up, monkeypatch):
    client = as_role("staff")
    set_up(client)
    stale, session = User.sign_in.get(pk=client.user.pk), Session.objects.live().get(user=client.user)
    accounts.change_password(by=client.user, current=PASSWORD, new="Another1!", keep=session.pk)
    monkeypatch.setattr(services, "confirm_password", lambda *, by, password: stale)

    with pytest.raises(NotSignedIn):
        services.remove_totp(by=stale, password=PASSWORD, session_id=session.pk)
    with pytest.raises(NotSignedIn):
        services.new_recovery_codes(by=stale, password=PASSWORD)
    with pytest.raises(NotSignedIn):
        services.start_totp(by=stale, password=PASSWORD)

    assert Authenticator.objects.filter(confirmed_at__isnull=False).exists()
    assert whole_trail().filter(kind=Kind.RECOVERY_CODES_MADE).count() == 1


@pytest.mark.parametrize("change", ["password", "role", "inactive", "factor"])
def test_a_sign_in_half_done_ends_with_the_trust_it_began_with(make_user, as_role, set_up, change):
    manager, client = make_user("admin"), as_role("staff")
    user = client.user
    set_up(client)
    token = token_for(User.sign_in.get(pk=user.pk), Door.API)
    assert user_of(token, Door.API).pk == user.pk
    if change == "password":
        accounts.set_password(user=user, by=manager, password="Another1!")
    elif change == "factor":
        services.reset(user=user, by=manager)
    else:
        accounts.update_user(
            user=user, by=manager, **({"role": "doctor"} if change == "role" else {"is_active": False})
        )

    with pytest.raises(NotSignedIn, match="expired"):
        user_of(token, Door.API)


def test_the_token_is_good_for_five_minutes(make_user, monkeypatch):
    token, now = token_for(make_user("staff"), Door.API), time.time
    monkeypatch.setattr(time, "time", lambda: now() + 290)
    assert user_of(token, Door.API)
    monkeypatch.setattr(time, "time", lambda: now() + 310)
    with pytest.raises(NotSignedIn, match="expired"):
        user_of(token, Door.API)


# --- An authenticator app that is being set up


def test_codes_that_confirm_are_counted_as_those_that_sign_in(as_role, set_up):
    client = as_role("staff")
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    confirm = f"{MFA}/totp/confirm"

    assert [post(client, confirm, {"code": "000000"}).status_code for _ in range(6)] == [400] * 5 + [429]

    locked = post(client, confirm, {"code": code(secret)})
    assert (locked.status_code, locked.json()["detail"][:24]) == (429, "Too many failed attempts")
    assert not Authenticator.objects.filter(confirmed_at__isnull=False).exists()
    assert {event.user_id for event in told(Kind.LOCKED_OUT, client.user)} == {client.user.pk}
    with pytest.raises(accounts.LockedOut):  # one count for all methods, wherever they are tried
        services.check(user=client.user, method=Method.RECOVERY_CODE, code="none")


def test_a_right_code_forgives_the_wrong_ones_and_where_nothing_is_set_up_none_is_counted(as_role):
    client = as_role("staff")
    confirm = f"{MFA}/totp/confirm"
    assert [post(client, confirm, {"code": "000000"}).status_code for _ in range(6)] == [409] * 6
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    assert [post(client, confirm, {"code": "000000"}).status_code for _ in range(4)] == [400] * 4

    assert post(client, confirm, {"code": code(secret)}).status_code == 200

    for _ in range(5):
        with pytest.raises(NotSignedIn):
            services.check(user=client.user, method=Method.TOTP, code="000000")


def test_a_secret_is_confirmed_within_ten_minutes_or_never(as_role, clock):
    client = as_role("staff")
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    clock.move(minutes=10)

    late = post(client, f"{MFA}/totp/confirm", {"code": code(secret)})

    assert (late.status_code, late.json()["detail"]) == (409, services.NOT_STARTED)
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    clock.move(minutes=9)
    assert post(client, f"{MFA}/totp/confirm", {"code": code(secret)}).status_code == 200


@pytest.mark.parametrize("change", ["password", "role", "inactive"])
def test_what_ends_trust_in_the_account_ends_a_set_up_half_done_and_none_that_is_whole(
    as_role, make_user, set_up, change
):
    manager, client, other = make_user("admin"), as_role("staff"), as_role("staff")
    post(client, f"{MFA}/totp", {"password": PASSWORD})
    set_up(other)
    for user in (client.user, other.user):
        if change == "password":
            accounts.set_password(user=user, by=manager, password="Another1!")
        else:
            accounts.update_user(
                user=user, by=manager, **({"role": "doctor"} if change == "role" else {"is_active": False})
            )

    assert Authenticator.objects.get().user_id == other.user.pk


def test_a_password_changed_in_the_session_that_sets_up_ends_the_set_up(as_role, commit):
    client = as_role("staff")
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    with commit():
        changed = post(client, "/api/users/me/password", {"current": PASSWORD, "new": "Another1!"})
    assert changed.status_code == 200

    assert post(client, f"{MFA}/totp/confirm", {"code": code(secret)}).status_code == 409


# --- An office manager removes what is lost


def test_an_office_manager_removes_all_factors_of_somebody_who_lost_them(as_role, make_user, set_up, commit):
    manager, client = make_user("admin"), as_role("staff")
    _, codes = set_up(client)
    Passkey.objects.create(user=client.user, name="Phone", credential_id=b"id", public_key=b"key")
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            services.check(user=client.user, method=Method.TOTP, code="000000")

    with commit():
        services.reset(user=client.user, by=manager)

    assert client.get("/api/users/me").status_code == 401
    factors = services.factors_of(client.user)
    assert (factors.totp, factors.passkeys, factors.recovery_codes_left) == (False, [], 0)
    removed = told(Kind.FACTOR_REMOVED, client.user)
    assert {orjson.loads(event.details)["method"] for event in removed} == {"totp", "passkey"}
    assert {event.user_id for event in removed} == {manager.pk}
    with pytest.raises(NotSignedIn):  # and not LockedOut: the lock is open, too
        services.check(user=client.user, method=Method.RECOVERY_CODE, code=codes[0])
    assert post(Client(), "/api/auth/login", {"email": client.user.email, "password": PASSWORD}).status_code == 200


def test_nobody_resets_their_own_and_only_who_manages_does(make_user):
    manager, staff = make_user("admin"), make_user("staff")

    for by, user in ((manager, manager), (staff, manager)):
        with pytest.raises(Forbidden):
            services.reset(user=user, by=by)


# --- The trail


def test_the_trail_tells_each_step_and_no_secret(as_role, make_user, set_up, rf):
    client = as_role("doctor")
    user = client.user
    secret, codes = set_up(client)
    shown = code(secret, later=1)
    with pytest.raises(NotSignedIn):
        services.check(user=user, method=Method.TOTP, code="000000")
    token = token_for(User.sign_in.get(pk=user.pk), Door.API)
    services.sign_in(request=rf.post("/"), token=token, door=Door.API, method=Method.TOTP, code=shown)
    assert post(client, f"{MFA}/recovery-codes", {"password": PASSWORD}).status_code == 200
    assert delete(client, f"{MFA}/totp", {"password": "wrong"}).status_code == 400
    assert delete(client, f"{MFA}/totp", {"password": PASSWORD}).status_code == 204

    (added,), (removed,) = told(Kind.FACTOR_ADDED, user), told(Kind.FACTOR_REMOVED, user)
    assert orjson.loads(added.details) == orjson.loads(removed.details) == {"method": "totp"}
    assert added.user_id == removed.user_id == user.pk
    assert len(told(Kind.RECOVERY_CODES_MADE, user)) == 2
    (failed,) = told(Kind.SECOND_FACTOR_FAILED, user)
    assert (failed.outcome, failed.user_id, orjson.loads(failed.details)) == ("failed", None, {"method": "totp"})
    assert [orjson.loads(event.details).get("second_factor") for event in told(Kind.SIGNED_IN, user)] == [None, "totp"]
    (wrong,) = told(Kind.SIGN_IN_FAILED, user)
    assert (wrong.outcome, orjson.loads(wrong.details)) == ("failed", {"reason": "wrong_password"})
    everything = b"".join(orjson.dumps([e.details, e.about, e.agent]) for e in whole_trail())
    for word in (secret, shown, "000000", PASSWORD, *codes):
        assert word.encode() not in everything


def test_the_sixth_wrong_code_is_told_as_locked_out(make_user):
    user = make_user("staff")
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            services.check(user=user, method=Method.TOTP, code="000000")
    with pytest.raises(accounts.LockedOut) as locked:
        services.check(user=user, method=Method.TOTP, code="000000")

    assert 890 <= locked.value.retry_after <= 900
    (event,) = told(Kind.LOCKED_OUT, user)
    assert (event.outcome, orjson.loads(event.details)) == ("refused", {"method": "totp"})
    assert len(told(Kind.SECOND_FACTOR_FAILED, user)) == 5


# --- What is lost or down


def test_a_lost_key_lets_nobody_in_costs_no_attempt_and_leaves_the_recovery_codes(as_role, set_up):
    client = as_role("staff")
    secret, codes = set_up(client)
    damage.lose_key(Authenticator.objects.get(user=client.user), "secret")
    token = token_for(User.sign_in.get(pk=client.user.pk), Door.API)

    for _ in range(7):
        answer = post(Client(), "/api/auth/mfa", {"mfa_token": token, "method": "totp", "code": code(secret, later=1)})
        assert answer.status_code == 503
        assert answer.json() == {"detail": "authenticator.secret cannot be decrypted: key 7 is missing."}
    body = {"mfa_token": token, "method": "recovery_code", "code": codes[0]}
    assert post(Client(), "/api/auth/mfa", body).status_code == 200


def test_a_set_up_under_a_lost_key_starts_anew(as_role, set_up):
    client = as_role("staff")
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    damage.lose_key(Authenticator.objects.get(user=client.user), "secret")

    assert post(client, f"{MFA}/totp/confirm", {"code": code(secret)}).status_code == 503
    set_up(client)


@pytest.mark.redis
def test_with_redis_down_no_code_is_tested(as_role, set_up, monkeypatch):
    client = as_role("staff")
    _, codes = set_up(client)

    def down(operation, **how):
        raise redis.RedisDown

    monkeypatch.setattr(redis, "ask", down)
    with pytest.raises(Unavailable):
        services.check(user=client.user, method=Method.RECOVERY_CODE, code=codes[0])

    assert services.factors_of(client.user).recovery_codes_left == 10


@pytest.mark.redis
def test_wrong_codes_are_counted_under_a_key_of_their_own(make_user):
    user = make_user("staff")
    with pytest.raises(NotSignedIn):
        services.check(user=user, method=Method.TOTP, code="000000")

    assert redis.client().hget(f"mfa:attempts:{user.pk}", "count") == b"1"
    assert not redis.client().exists(f"login:attempts:{user.email}")


def test_a_right_password_is_not_signed_in_where_the_trail_is_down(as_role, set_up, rf, monkeypatch):
    client = as_role("staff")
    _, codes = set_up(client)
    token = token_for(User.sign_in.get(pk=client.user.pk), Door.API)
    live = Session.objects.live().count()
    given = {"token": token, "door": Door.API, "method": Method.RECOVERY_CODE, "code": codes[0]}

    def down(*args, **kwargs):
        raise trail.TrailDown

    with monkeypatch.context() as broken:
        broken.setattr(trail, "record", down)
        with pytest.raises(trail.TrailDown):
            services.sign_in(request=rf.post("/"), **given)

    assert Session.objects.live().count() == live
    assert services.sign_in(request=rf.post("/"), **given)  # the code was not used up


@pytest.mark.parametrize("method", [Method.TOTP, Method.RECOVERY_CODE, Method.PASSKEY])
def test_what_a_refused_second_step_told_the_trail_stays(as_role, set_up, rf, method):
    client = as_role("staff")
    set_up(client)
    token = token_for(User.sign_in.get(pk=client.user.pk), Door.API)
    for refused in [NotSignedIn] * 5 + [accounts.LockedOut]:
        with pytest.raises(refused):
            services.sign_in(request=rf.post("/"), token=token, door=Door.API, method=method, code="0", credential={})

    failed, locked = told(Kind.SECOND_FACTOR_FAILED, client.user), told(Kind.LOCKED_OUT, client.user)
    assert (len(failed), len(locked)) == (5, 1)


def test_trust_that_ends_while_a_code_is_checked_begins_no_session_and_is_told(as_role, set_up, rf, monkeypatch):
    client = as_role("staff")
    set_up(client)
    user = User.sign_in.get(pk=client.user.pk)

    def deactivated_meanwhile(person, code):
        return User.sign_in.filter(pk=person.pk).update(is_active=False) == 1

    monkeypatch.setattr(recovery, "take", deactivated_meanwhile)
    token = token_for(user, Door.API)
    with pytest.raises(NotSignedIn):
        services.sign_in(request=rf.post("/"), token=token, door=Door.API, method=Method.RECOVERY_CODE, code="0")

    (failed,) = told(Kind.SIGN_IN_FAILED, user)
    assert orjson.loads(failed.details) == {"reason": "changed_meanwhile"}


# --- Signing in while a factor is being added


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_sign_in_beside_a_new_factor_is_refused_or_ended(make_user, client_of, rf):
    user = make_user("staff")
    client = client_of(user)
    secret = post(client, f"{MFA}/totp", {"password": PASSWORD}).json()["secret"]
    checked, together, outcome = User.sign_in.get(pk=user.pk), Barrier(2), []

    def sign_in():
        together.wait()
        try:
            sessions.begin(user=checked, request=rf.post("/"))
        except NotSignedIn:
            outcome.append("refused")
        finally:
            connection.close()

    thread = Thread(target=sign_in)
    thread.start()
    together.wait()
    assert post(client, f"{MFA}/totp/confirm", {"code": code(secret)}).status_code == 200
    thread.join()

    assert [session.second_factor for session in Session.objects.live().filter(user=user)] == ["totp"]


def test_a_password_is_asked_again_of_whoever_is_still_active(make_user):
    user, manager = make_user("staff"), make_user("admin")
    stale = User.sign_in.get(pk=user.pk)
    with pytest.raises(Invalid):
        accounts.confirm_password(by=stale, password="wrong")
    assert accounts.confirm_password(by=stale, password=PASSWORD).pk == user.pk
    accounts.update_user(user=user, by=manager, is_active=False)
    with pytest.raises(NotSignedIn):
        accounts.confirm_password(by=stale, password=PASSWORD)
