"""A passkey made and used in a real Chromium, through its virtual authenticator (WebAuthn, level 3, section 11), with
the API as a web app calls it."""

import pytest

from accounts.models import LoginSession, Passkey
from accounts.tests.factories import PASSWORD

SIGN_IN = """async ([email, password]) => {
  const answer = await send('POST', '/api/auth/login', {email, password})
  return answer.body
}"""
SET_UP = """
window.send = async (method, path, body) => {
  const answer = await fetch(path, {
    method, headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)
  })
  return {status: answer.status, body: answer.status === 204 ? null : await answer.json()}
}
window.make = async (password) => {
  const options = await send('POST', '/api/users/me/mfa/passkeys', {password})
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.body)
  const made = await navigator.credentials.create({publicKey})
  return send('POST', '/api/users/me/mfa/passkeys/confirm', {name: 'Chromium', credential: made.toJSON()})
}
window.answerTo = async (token) => {
  const options = await send('POST', '/api/auth/mfa/passkey', {mfa_token: token})
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.body)
  return (await navigator.credentials.get({publicKey})).toJSON()
}
null
"""


@pytest.fixture
def authenticator(page, live_server, settings):
    """The page is the clinic's own, and the machine has a fingerprint reader; `.credentials()` are those it holds."""
    settings.SITE_URL = live_server.url
    page.goto("/api/docs")  # of the pages outside the admin site the one that may call the API
    page.evaluate(SET_UP)
    return VirtualAuthenticator(page)


class VirtualAuthenticator:
    def __init__(self, page):
        self._session = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        added = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self._id = {"authenticatorId": added["authenticatorId"]}

    def credentials(self):
        return self._session.send("WebAuthn.getCredentials", self._id)["credentials"]

    def set_count(self, count):
        """As a copy of it would have it."""
        (held,) = self.credentials()
        self._session.send("WebAuthn.clearCredentials", self._id)
        self._session.send("WebAuthn.addCredential", {**self._id, "credential": {**held, "signCount": count}})


@pytest.fixture
def user(make_user):
    return make_user("doctor", email="grace@example.com")


def sign_in(page, user):
    return page.evaluate(SIGN_IN, [user.email, PASSWORD])


def second_step(page, token, credential):
    body = {"mfa_token": token, "method": "passkey", "credential": credential}
    return page.evaluate("body => send('POST', '/api/auth/mfa', body)", body)


def test_passkey_is_made_and_signs_in(page, authenticator, user):
    assert sign_in(page, user)["user"]["email"] == user.email
    made = page.evaluate("make", PASSWORD)
    assert made["status"] == 201
    assert len(made["body"]["recoveryCodes"]) == 10
    (held,) = authenticator.credentials()
    assert (held["rpId"], held["isResidentCredential"]) == ("localhost", True)

    page.context.clear_cookies()
    asked = sign_in(page, user)
    assert asked["methods"] == ["passkey", "recovery_code"]
    credential = page.evaluate("answerTo", asked["mfa_token"])
    answer = second_step(page, asked["mfa_token"], credential)

    assert (answer["status"], answer["body"]["user"]["id"]) == (200, str(user.pk))
    assert page.evaluate("fetch('/api/patients').then(answer => answer.status)") == 200
    assert LoginSession.objects.live().filter(user=user, second_factor="passkey").count() == 2  # the first made it
    passkey = Passkey.objects.get()
    assert passkey.sign_count == authenticator.credentials()[0]["signCount"] > 0


def test_same_machine_is_not_registered_twice(page, authenticator, user):
    sign_in(page, user)
    assert page.evaluate("make", PASSWORD)["status"] == 201

    refused = page.evaluate("password => make(password).catch(error => error.name)", PASSWORD)

    assert refused == "InvalidStateError"
    assert Passkey.objects.count() == 1


def test_answer_counts_once_and_a_copied_passkey_not_at_all(page, authenticator, user):
    sign_in(page, user)
    page.evaluate("make", PASSWORD)
    page.context.clear_cookies()
    token = sign_in(page, user)["mfa_token"]
    credential = page.evaluate("answerTo", token)
    assert second_step(page, token, credential)["status"] == 200

    again = second_step(page, token, credential)
    authenticator.set_count(0)
    copied = second_step(page, token, page.evaluate("answerTo", token))

    assert (again["status"], copied["status"]) == (401, 401)
    page.complaints.clear()


def test_page_of_another_origin_gets_nowhere(page, authenticator, user, settings):
    sign_in(page, user)
    settings.SITE_URL = "http://localhost:1"

    assert page.evaluate("make", PASSWORD)["status"] == 400
    assert not Passkey.objects.exists()
    page.complaints.clear()
