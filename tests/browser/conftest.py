"""Chromium against the live server. A page must not log console errors or request anything from another host."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory, WorkingHoursFactory
from billing.models import ServiceOfType
from billing.tests.factories import ServiceFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.tests.factories import (
    FinalisedNoteFactory,
)

# The one without windows takes a third of the other's time, for the same engine.
CHROMIUMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next(filter(Path.exists, CHROMIUMS), CHROMIUMS[0])
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 20_000  # a slow machine is no fault, and a green test does not wait for it
expect.set_options(timeout=TIMEOUT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.embedded)  # what a browser shows hangs on no database
            item.add_marker(pytest.mark.slow)  # a page takes its time to load


@pytest.fixture(scope="package")  # closed with the last of these tests, and its event loop with it
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is missing; as root: apt-get install chromium-headless-shell")
    # playwright's sync API keeps an event loop on this thread, and Django's ORM would refuse to work beside it
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
            yield browser
            browser.close()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture(scope="package")
def context(browser, live_server) -> Iterator[BrowserContext]:
    """One for all tests, which keeps what may be cached: to load and compile the scripts anew costs more than most
    tests. Cookies, storage and permissions end with each test."""
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 1360, "height": 850}, timezone_id="America/New_York"
    )
    context.set_default_timeout(TIMEOUT_MS)
    yield context
    context.close()


def _forget_everything(context: BrowserContext, page: Page, origin: str) -> None:
    devtools = context.new_cdp_session(page)
    devtools.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "local_storage,indexeddb"})
    for one in context.pages:
        one.close()
    context.clear_cookies()
    context.clear_permissions()


@pytest.fixture
def page(context, live_server) -> Iterator[Page]:
    complaints: list[str] = []
    page = context.new_page()
    page.complaints = complaints  # type: ignore[attr-defined] # for a test that provokes one
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: _leaves(request.url) and complaints.append(request.url))
    page.on(
        "response", lambda response: response.status >= 400 and complaints.append(f"{response.url} {response.status}")
    )
    page.on("requestfailed", lambda request: _aborted(request) or complaints.append(f"{request.url} {request.failure}"))
    yield page
    _forget_everything(context, page, live_server.url)
    assert complaints == []


def _aborted(request: Request) -> bool:
    """A search field cancels its request when the next letter is typed."""
    return request.failure == "net::ERR_ABORTED"


def _leaves(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in ("localhost", "127.0.0.1")


@pytest.fixture
def sign_in(page, live_server, make_user):
    """`sign_in("admin")`: sign the page in as a new user of this role, without the form."""

    def sign_in(role: str) -> Page:
        client = Client()
        client.force_login(make_user(role, name="Olive Manager"))
        session = client.cookies["praxis_admin"].value
        cookie = {"name": "praxis_admin", "value": session, "url": live_server.url, "sameSite": "Strict"}
        page.context.add_cookies([cookie])
        return page

    return sign_in


@pytest.fixture
def look(request, page):
    width, scheme = request.param
    page.set_viewport_size({"width": width, "height": 850})
    page.emulate_media(color_scheme=scheme)
    return page


@pytest.fixture
def days_clinic(live_server, settings, practice, make_user):
    """A doctor with a visit of today, its type on the price list, and a patient who has a page of their own."""
    settings.SITE_URL = live_server.url
    now = timezone.now().astimezone(practice.tzinfo)
    begun = max(now.replace(hour=0, minute=0, second=0, microsecond=0), now - timedelta(minutes=40))  # of today
    doctor, user = make_user("doctor", name="Dr. Daniel Reyes"), make_user("patient", name="Paula Jensen")
    with practice_scope(practice.pk):
        for weekday in range(7):
            WorkingHoursFactory(doctor=doctor, weekday=weekday)
        kind = AppointmentTypeFactory(name="Follow-up")
        ServiceOfType.objects.create(service=ServiceFactory(name="Adjustment", price=12_000), appointment_type=kind)
        chart = PatientFactory(name="Paula Jensen", user=user, primary_doctor=doctor, date_of_birth="1984-03-09")
        booked = {"patient": chart, "doctor": doctor, "type": kind, "reason": "Follow-up"}
        visit = AppointmentFactory(**booked, starts_at=begun, ends_at=begun + timedelta(minutes=20))
        later = (timezone.now() + timedelta(days=10)).replace(hour=15, minute=0, second=0, microsecond=0)
        AppointmentFactory(**booked, starts_at=later, ends_at=later + timedelta(minutes=30))
        FinalisedNoteFactory(patient=chart, doctor=doctor, date=begun - timedelta(days=7), plan="Stretching")
    return SimpleNamespace(practice=practice, doctor=doctor, user=user, chart=chart, visit=visit, kind=kind)
