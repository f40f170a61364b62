"""The Authorize button of /api/docs signs in by OAuth 2, under the page's content policy."""

import pytest
from playwright.sync_api import expect

from accounts.models import LoginSession, SignInChannel
from accounts.tests.factories import PASSWORD
from tests.browser.swagger import find_operation


@pytest.fixture(params=["/api/docs", "/api/v1/docs"])
def docs(page, live_server, request):
    page.goto(request.param)
    return page


def authorize(page, username, password):
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".dialog-ux")
    form = dialog.locator(".auth-container", has_text="OAuth2, password")
    form.locator("#oauth_username").fill(username)
    form.locator("#oauth_password").fill(password)
    form.get_by_role("button", name="Apply given OAuth2 credentials").click()
    return dialog


def execute(page, path):
    operation = find_operation(page, path)
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    return operation.locator(".live-responses-table").first


def test_authorize_with_email_and_password_calls_the_api_as_that_user(docs, make_user):
    user = make_user("doctor", name="Dora Doctor")

    dialog = authorize(docs, user.email, PASSWORD)
    expect(dialog.get_by_role("heading", name="Authorized", exact=True)).to_be_visible()
    dialog.locator(".close-modal").click()
    answer = execute(docs, "/api/users/me")

    expect(answer.locator(".response-col_status").last).to_contain_text("200")
    expect(answer).to_contain_text("Dora Doctor")
    assert docs.context.cookies() == []  # by the token alone
    assert LoginSession.objects.get().channel == SignInChannel.BEARER


def test_wrong_password_shows_in_the_dialog(docs, make_user):
    user = make_user("doctor")

    dialog = authorize(docs, user.email, "not the password")

    expect(dialog.locator(".errors")).to_contain_text("Invalid email or password")
    assert any("/api/v1/auth/token 400" in complaint for complaint in docs.complaints)
    docs.complaints.clear()
