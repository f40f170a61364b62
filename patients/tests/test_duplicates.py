"""The worklist of possible duplicates: found, merged, and dismissed for good."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.errors import Forbidden, NotFound
from core.tenancy.scope import practice_scope
from patients.duplicates import services
from patients.merging.services import merge
from patients.models import DuplicatePair, Patient
from patients.tests.factories import PatientFactory

BORN = date(1980, 12, 31)


@pytest.fixture(autouse=True)
def _settled(monkeypatch):
    monkeypatch.setattr(services, "SETTLED", timedelta(seconds=-1))


@pytest.fixture
def twins(scope):
    """Two charts of one person, and one of somebody else."""
    PatientFactory(name="Sam Other", date_of_birth=date(1990, 1, 1))
    return [PatientFactory(name=name, date_of_birth=BORN) for name in ("Paula Jensen", "Paula Jenssen")]


def compare(by):
    while not services.compare_some(by=by).is_done:
        pass


def test_pairs_are_found_once_and_again_after_a_correction(make_user, twins, monkeypatch):
    by = make_user("staff")
    monkeypatch.setattr(services, "CHARTS_AT_ONCE", 2)
    compare(by)
    (pair,) = services.open_pairs()
    assert (pair.one_id, pair.other_id) == tuple(sorted(chart.pk for chart in twins))
    assert services.reasons_of(pair) == "same date of birth, similar name"
    assert services.compare_some(by=by).compared == 0
    twins[0].name, twins[0].date_of_birth = "Petra Quist", date(1970, 1, 1)
    twins[0].save()
    compare(by)
    assert not DuplicatePair.objects.exists()
    twins[0].name, twins[0].date_of_birth = "Paula Jensen", BORN
    twins[0].save()
    compare(by)
    (pair,) = services.open_pairs()
    services.dismiss(by=by, pair_id=pair.pk)
    services.dismiss(by=by, pair_id=pair.pk)
    twins[1].phone = "212 555 0177"
    twins[1].save()
    compare(by)
    assert not services.open_pairs().exists()
    assert whole_trail().filter(kind=AuditEvent.DUPLICATE_DISMISSED, user_id=by.pk).count() == 1


def test_merged_charts_leave_the_list(make_user, twins):
    by = make_user("admin")
    compare(by)
    merge(by=by, into=twins[0].pk, source=twins[1].pk, keep={})
    assert not services.open_pairs().exists()
    with pytest.raises(Forbidden):
        services.compare_some(by=make_user("doctor"))
    with pytest.raises(NotFound):
        services.dismiss(by=by, pair_id=twins[0].pk)


def test_pages(enter_as, practice, other_practice, twins, make_user):
    client, address = enter_as("staff"), reverse("duplicates")
    assert "No duplicates found" in client.get(address).content.decode()
    part = client.post(reverse("duplicates-compare"), headers={"HX-Request": "true"}).content.decode()
    assert "All charts are compared. 1 pair" in part
    page = client.get(address).content.decode()
    merging = f"{reverse('admin:patients_patient_merge_charts', args=[twins[0].pk])}?other={twins[1].pk}"
    assert merging in page and "Paula Jenssen" in page and "1980" in page
    assert client.get(merging).status_code == 200
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    with practice_scope(practice.pk):
        PatientFactory(name="Paula Jensen", date_of_birth=BORN, restricted=True, phone="212 555 0188")
        for chart in twins:
            chart.save()
        compare(client.user)
        assert services.open_pairs().count() == 3
        pair = DuplicatePair.objects.get(one=min(twins, key=lambda chart: chart.pk), other=twins[1])
    with CaptureQueriesContext(connection) as more:
        page = client.get(address).content.decode()
    assert len(more) <= len(few) + 1  # whether the restricted one is open to this person
    assert "Restricted chart" in page and "0188" not in page
    assert (
        enter_as("admin", practice=other_practice).post(reverse("duplicates-dismiss", args=[pair.pk])).status_code
        == 404
    )
    dismiss = reverse("duplicates-dismiss", args=[pair.pk])
    assert f'action="{dismiss}"' in client.post(dismiss, follow=True).content.decode()
    assert services.open_pairs().count() == 2
    client.post(dismiss, {"undo": "1"})
    assert services.open_pairs().count() == 3
    assert client.post(dismiss).url == address
    for role in ("doctor", "billing"):
        assert enter_as(role).get(address).status_code == 403
    assert client.post(reverse("duplicates-compare")).url == address
    assert Patient.objects.count() == 4


def test_of_a_chart_restricted_since_a_pair_tells_no_more_than_the_name(enter_as, scope):
    client, address = enter_as("staff"), reverse("duplicates")
    alike = [PatientFactory(name=name, date_of_birth=BORN) for name in ("Paula Jensen", "Paula Jenssen")]
    facts = {"phone": "212 555 0177", "date_of_birth": date(1970, 2, 3)}
    apart = [PatientFactory(name=name, **facts) for name in ("Ann Quist", "Bertram Olsen")]
    compare(client.user)
    page = client.get(address).content.decode()
    assert "same date of birth, similar name" in page and "same date of birth, same phone" in page
    Patient.objects.filter(pk__in=[alike[0].pk, apart[0].pk]).update(restricted=True)
    page = client.get(address).content.decode()
    assert [services.reasons_of(pair) for pair in services.open_pairs()] == ["similar name"]
    assert "similar name" in page and "same date of birth" not in page and "Bertram Olsen" not in page
