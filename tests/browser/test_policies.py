"""Under its content policy every page still does what it is for: what a policy stops, Chromium complains of in the
console, and the `page` fixture lets no complaint pass."""

import re

import pytest
from playwright.sync_api import expect

from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from tests.browser.swagger import find_operation


@pytest.fixture
def chart(practice, live_server):
    with practice_scope(practice.pk):
        return PatientFactory(name="María Alvarez")


def test_pages_have_a_content_security_policy(page):
    """The complaint that the other tests would fail with."""
    page.goto("/")
    stopped = page.evaluate(
        """() => new Promise(resolve => {
          document.addEventListener('securitypolicyviolation', event => resolve(event.effectiveDirective))
          const script = document.createElement('script')
          script.textContent = 'window.ran = true'
          document.head.append(script)
        })"""
    )
    assert stopped == "script-src-elem"
    assert page.evaluate("window.ran") is None
    page.complaints.clear()


@pytest.mark.parametrize("address", ["/", "/nowhere", "/api/docs", "/api/redoc"])
def test_no_page_may_be_framed(page, live_server, address):
    answer = page.request.get(address)
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"


def test_swagger_tries_a_call(page):
    page.goto("/api/docs")
    operation = find_operation(page, "/api/health/live")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response .response-col_status")).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text('"ok"')


@pytest.mark.slow  # the browser makes an index of the whole reference
def test_redoc_shows_the_reference_and_searches(page):
    page.set_default_timeout(300_000)
    page.goto("/api/redoc")
    expect(page.get_by_role("heading", level=1, name="Praxis")).to_be_visible(timeout=300_000)
    expect(page.get_by_text("/api/auth/login").first).to_be_attached(timeout=300_000)
    search = page.get_by_role("textbox")
    search.fill("appointments")
    found = page.get_by_role("search").get_by_text(re.compile("appointment", re.I)).first
    expect(found).to_be_visible(timeout=300_000)


@pytest.mark.parametrize("model", ["patients/patient", "appointments/appointment", "records/medicalrecord"])
def test_admins_lists(sign_in, chart, model):
    page = sign_in("admin")
    for address in ("/admin/", f"/admin/{model}/", f"/admin/{model}/?q=alvar"):
        page.goto(address, wait_until="networkidle")
        expect(page.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize(
    "form",
    ["patients/patient/{}/change/", "patients/patient/add/", "appointments/appointment/add/", "password_change/"],
)
def test_admins_forms(sign_in, chart, form):
    page = sign_in("admin")
    page.goto(f"/admin/{form.format(chart.pk)}", wait_until="networkidle")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
