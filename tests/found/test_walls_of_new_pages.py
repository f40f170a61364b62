"""The pages and calls of privacy, claims and bills by mail, as somebody tries them who may not: each attempt is refused
and told, and names the chart it was about."""

import pytest
from django.urls import reverse

from billing.models import Invoice, LedgerEntry, VisitCoding
from core.tenancy.scope import practice_scope
from patients.models import Patient, PrivacyRequest
from tests.found.test_walls import logged  # noqa: F401 - a fixture
from tests.guards.rows import Rows

HIDDEN = ("555 777 7777", "77 Hidden Lane", "hidden@example.org")


@pytest.fixture
def about(practice, make_user):
    """What the pages are about: a restricted chart with a coded visit, an invoice and a payment."""
    Rows(practice, make_user)
    with practice_scope(practice.pk):
        coding = VisitCoding.objects.select_related("patient").get()
        chart = coding.patient
        chart.phone, chart.address, chart.email, chart.restricted = *HIDDEN, True
        chart.save()
        manager = make_user("admin")
        days = {"received_on": practice.today(), "due_on": practice.today()}
        request = PrivacyRequest.objects.create(patient=chart, kind="export", entered_by=manager, **days)
        invoice = Invoice.objects.filter(patient=chart).exclude(issued_at=None).first()
        payment = LedgerEntry.objects.payments().filter(patient=chart).first()
    ids = {"patient": chart.pk, "visit": coding.appointment_id, "invoice": invoice.pk, "payment": payment.pk}
    return {**ids, "request": request.pk}


def page(name, *args):
    return reverse(name, args=args)


def closed_to_all(about):
    """Return what nobody may open of a restricted chart without an emergency: pages, and calls of the API."""
    gets = [page(f"billing-{name}", about["patient"]) for name in ("month", "month-print", "coverage", "statement")]
    gets += [page(f"billing-{name}", about["visit"]) for name in ("claim", "superbill", "coding")]
    posts = [page("billing-invoice-email", about["invoice"]), page("billing-receipt-email", about["payment"])]
    api = [("get", f"/api/claims/visits/{about['visit']}/{name}") for name in ("cms1500", "superbill", "codes")]
    api += [("get", f"/api/claims/patients/{about['patient']}/{name}") for name in ("superbill", "coverages")]
    api += [
        ("post", f"/api/invoices/{about['invoice']}/email"),
        ("post", f"/api/payments/{about['payment']}/email"),
    ]
    return [("get", address) for address in gets] + [("post", address) for address in posts], api


def told(events, chart):
    (event,) = [event for event in events if event.outcome == "refused"]
    return str(chart) in event.patients


def test_restricted_chart_is_closed_to_claims_and_mail_and_the_attempt_names_it(
    about,
    enter_as,
    as_role,
    logged,  # noqa: F811
    subtests,
):
    pages, calls = closed_to_all(about)
    for client, asked in ((enter_as("billing"), pages), (as_role("billing"), calls)):
        for method, address in asked:
            with subtests.test(address):
                logged()
                answer = getattr(client, method)(address)
                assert answer.status_code == 403
                assert told(logged(), about["patient"])


def test_other_practice_finds_nothing_and_is_told(
    about,
    enter_as,
    as_role,
    logged,  # noqa: F811
    other_practice,
    subtests,
):
    pages, calls = closed_to_all(about)
    pages += [("get", page(f"privacy-accesses{end}", about["patient"])) for end in ("", "-file", "-print")]
    pages += [
        ("post", page("privacy-new-request", about["patient"])),
        ("post", page("privacy-request", about["request"])),
    ]
    for client, asked in (
        (enter_as("admin", practice=other_practice), pages),
        (as_role("admin", practice=other_practice), calls),
    ):
        for method, address in asked:
            with subtests.test(address):
                logged()
                assert getattr(client, method)(address).status_code == 404
                assert [event.practice_id for event in logged() if event.outcome == "refused"] == [other_practice.pk]


def test_privacy_shows_of_a_restricted_chart_its_name_alone(about, enter_as, practice, subtests):
    manager = enter_as("admin")
    with practice_scope(practice.pk):
        name = Patient.objects.get(pk=about["patient"]).name
    asked = [page(f"privacy-{end}", about["patient"]) for end in ("accesses", "accesses-file", "new-request")]
    asked += [page("privacy"), page("privacy-retention"), page("privacy-request", about["request"])]
    for answer in [*map(manager.get, asked), manager.post(page("privacy"), {"q": name})]:
        with subtests.test(answer.request["PATH_INFO"]):
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content
            assert answer.status_code == 200
            assert not [text for text in HIDDEN if text in content.decode()]
    for typed in HIDDEN[0], HIDDEN[2]:  # what nobody sees finds nobody
        assert manager.post(page("privacy"), {"q": typed}).context["charts"] == []
