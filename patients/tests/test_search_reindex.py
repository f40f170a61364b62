"""`manage.py reindex_search`: search and sign-in with a new SEARCH_INDEX_KEY."""

from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from accounts.tests.factories import PASSWORD
from audit.tests.whole_trail import whole_trail
from core.encryption.blind_index import text_tokens
from core.tenancy.scope import installation_scope, practice_scope
from patients import search_reindex
from patients.models import Patient
from patients.search import search_charts
from patients.search_index import chart_tokens
from patients.tests.factories import PatientFactory
from practices.services import practice_with_code
from tests import damage

ANOTHER = "test-only-another-key-0123456789-abcdefghijklm"


@pytest.fixture
def clinics(practice, other_practice, make_user):
    superuser = User(email="root@example.com", name="Root", role="admin", is_superuser=True)
    superuser.set_password(PASSWORD)
    with installation_scope():
        superuser.save()
    for number, place in enumerate((practice, other_practice)):
        make_user("staff", practice=place, email=f"desk{number}@example.com")
        with practice_scope(place.pk):
            for name in ("Ada Lovelace", "Grace Hopper", "Mary Somerville"):
                PatientFactory(name=name, email=f"{name[:3]}@example.org", phone="5550100")
    return practice, other_practice


def found(place, query):
    with practice_scope(place.pk):
        hits = search_charts(Patient.objects.all(), query)
        rows = Patient.objects.filter(pk__in=hits) if isinstance(hits, list) else hits
        return sorted(row.name for row in rows)


def sign_in(client, email):
    return client.post(
        "/api/auth/login", {"email": email, "password": PASSWORD}, content_type="application/json"
    ).status_code


def rebuild(capsys, *arguments):
    call_command("reindex_search", *arguments)
    return capsys.readouterr().out


def test_search_and_sign_in_work_again(clinics, client, settings, capsys):
    own, other = clinics
    assert (found(own, "lovelace"), sign_in(client, "desk0@example.com")) == (["Ada Lovelace"], 200)
    settings.SEARCH_INDEX_KEY = ANOTHER
    assert (found(own, "lovelace"), sign_in(client, "desk0@example.com")) == ([], 401)

    said = rebuild(capsys)

    assert "Rebuilt the index of 11 of 11 rows." in said
    for place in (own, other):
        assert found(place, "lovelace") == ["Ada Lovelace"]
        assert found(place, "5550100") == ["Ada Lovelace", "Grace Hopper", "Mary Somerville"]
        assert found(place, "hop") == ["Grace Hopper"]
    assert [sign_in(client, f"desk{n}@example.com") for n in (0, 1)] == [200, 200]
    assert User.all_practices.with_email("ROOT@example.com").name == "Root"


def test_practices_own_join_code_works_again(clinics, settings, capsys):
    own, _ = clinics
    settings.SEARCH_INDEX_KEY = ANOTHER
    assert practice_with_code(own.join_code) is None

    rebuild(capsys)

    assert practice_with_code(own.join_code) == own


def test_reindex_changes_only_the_index(clinics, settings, capsys):
    def rest():
        with practice_scope(clinics[0].pk):
            return list(Patient.objects.order_by("pk").values_list("pk", "updated_at", "status")), [
                damage.stored(row, "name") for row in Patient.objects.order_by("pk")
            ]

    before = rest()
    settings.SEARCH_INDEX_KEY = ANOTHER
    rebuild(capsys)
    assert rest() == before


def test_it_is_logged(clinics, settings, capsys):
    settings.SEARCH_INDEX_KEY = ANOTHER
    with installation_scope():
        before = set(whole_trail().values_list("pk", flat=True))
        rebuild(capsys)
        events = whole_trail().exclude(pk__in=before).order_by("pk")
        assert [(event.kind, event.details) for event in events] == [
            ("keys.index_rebuilt", '{"state":"begun","rows":11}'),
            ("keys.index_rebuilt", '{"state":"done","rows":11,"failed":0}'),
        ]


def test_stopped_reindex_continues_when_run_again(clinics, settings, capsys, monkeypatch):
    settings.SEARCH_INDEX_KEY = ANOTHER
    through = search_reindex.Reindexing.run

    def interrupted(self):
        for number, size in enumerate(through(self)):
            if number == 4:
                raise KeyboardInterrupt
            yield size

    with monkeypatch.context() as patch:
        patch.setattr(search_reindex.Reindexing, "run", interrupted)
        with pytest.raises(CommandError, match=r"^Stopped after rebuilding . rows\. Run reindex_search again") as stop:
            rebuild(capsys, "--batch-size", "1")
    assert stop.value.returncode == 130
    with practice_scope(clinics[1].pk):
        assert found(clinics[1], "lovelace") == []

    assert "Rebuilt the index of 11 of 11" not in rebuild(capsys)
    assert "Rebuilt the index of 0 of 11 rows" in rebuild(capsys)
    assert found(clinics[1], "lovelace") == ["Ada Lovelace"]


def test_chart_written_meanwhile_under_the_new_key_stays_as_it_is(clinics, settings, capsys):
    settings.SEARCH_INDEX_KEY = ANOTHER
    with practice_scope(clinics[0].pk):
        chart = Patient.objects.first()
        chart.name = "Edited Meanwhile"
        chart.save()
    assert "Rebuilt the index of 10 of 11 rows" in rebuild(capsys)
    assert found(clinics[0], "meanwhile") == ["Edited Meanwhile"]


def test_email_registered_twice_meanwhile_is_named_and_the_rest_is_built(clinics, settings, capsys, make_user):
    with installation_scope():
        older = User.all_practices.with_email("desk0@example.com")
    settings.SEARCH_INDEX_KEY = ANOTHER
    newer = make_user("staff", email="desk0@example.com")

    with pytest.raises(CommandError, match=f"accounts.User.email_index of {older.pk}: a newer account has this email"):
        rebuild(capsys)

    assert found(clinics[0], "lovelace") == ["Ada Lovelace"]
    with installation_scope():
        assert User.all_practices.with_email("desk0@example.com") == newer
        assert User.all_practices.with_email("desk1@example.com") is not None


def test_email_registered_while_its_batch_is_built_is_named_and_the_rest_is_built(
    clinics, settings, capsys, make_user, monkeypatch
):
    make_user("staff", email="later@example.com")
    with installation_scope():
        older = User.all_practices.with_email("desk0@example.com")
    settings.SEARCH_INDEX_KEY = ANOTHER
    fingerprint, newer = search_reindex.email_fingerprint, []

    def register_meanwhile(email):
        if email == "later@example.com" and not newer:  # when the older account's turn was before
            newer.append(make_user("staff", email="desk0@example.com"))
        return fingerprint(email)

    monkeypatch.setattr(search_reindex, "email_fingerprint", register_meanwhile)
    with pytest.raises(CommandError, match=f"accounts.User.email_index of {older.pk}: a newer account has this email"):
        rebuild(capsys)

    assert "Rebuilt the index of 11 of 12 rows" in capsys.readouterr().out
    with installation_scope():
        assert User.all_practices.with_email("desk0@example.com") == newer[0]
        assert User.all_practices.with_email("later@example.com") is not None
        assert User.all_practices.with_email("desk1@example.com") is not None


def test_undecryptable_rows_are_reported_and_the_rest_is_rebuilt(clinics, settings, capsys):
    with practice_scope(clinics[0].pk):
        lost = Patient.objects.order_by("pk").first()
    damage.lose_key(lost, "phone")
    settings.SEARCH_INDEX_KEY = ANOTHER
    with pytest.raises(CommandError, match=f"patients.Patient.phone of {lost.pk}: key 7 is missing"):
        rebuild(capsys)
    assert found(clinics[0], "hopper") == ["Grace Hopper"]


def test_charts_from_before_the_registrations_desk_are_found_by_their_date_of_birth(clinics, capsys, as_role):
    with practice_scope(clinics[0].pk):
        for chart in Patient.objects.all():
            tokens = chart_tokens(SimpleNamespace(**{**vars(chart), "date_of_birth": None}))
            Patient.objects.filter(pk=chart.pk).update(search_index=tokens)  # as they were
        PatientFactory(name="Zoltan Quux", phone="", status="pending")
        PatientFactory(name="Irma Vep", phone="", date_of_birth=None)
    desk = as_role("staff")

    def likely():
        (registration,) = desk.get("/api/registrations").json()["registrations"]
        return sorted(match["name"] for match in registration["matches"])

    assert likely() == []
    assert "Rebuilt the index of 3 of " in rebuild(capsys)
    assert likely() == ["Ada Lovelace", "Grace Hopper", "Mary Somerville"]


def test_charts_from_before_second_spellings_are_found_by_them(clinics, capsys):
    with practice_scope(clinics[0].pk):
        chart = PatientFactory(name="Jörg De La Müller")
        as_it_was = text_tokens(["jorg", "de", "la", "muller"], practice_id=clinics[0].pk)
        Patient.objects.filter(pk=chart.pk).update(search_index=as_it_was)
    assert (found(clinics[0], "muller"), found(clinics[0], "mueller")) == (["Jörg De La Müller"], [])

    assert "Rebuilt the index of 1 of " in rebuild(capsys)

    for typed in ("mueller", "muller", "delamueller", "joerg"):
        assert found(clinics[0], typed) == ["Jörg De La Müller"]
