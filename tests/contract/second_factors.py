"""Helpers for two-factor sign-in through the API."""

import time

from accounts.second_factor import totp
from tests.contract.clients import Answer, Caller
from tests.contract.clinic import PASSWORD

MFA = "/api/users/me/mfa"


def code(secret: str, *, later: int = 0) -> str:
    """Return the code an app shows now, or `later` steps from now. For one secret use the current code, then the next:
    each is accepted once, and both still are if a step ends in between."""
    return totp.code_at(secret, int(time.time()) // totp.STEP_SECONDS + later)


def set_up_app(caller: Caller) -> tuple[str, list[str]]:
    """Set up an authenticator app; return its secret and the recovery codes."""
    secret = caller.post(f"{MFA}/totp", {"password": PASSWORD}).json["secret"]
    answer = caller.post(f"{MFA}/totp/confirm", {"code": code(secret)})
    assert answer.status == 200, answer
    return secret, answer.json["recoveryCodes"]


def mfa_token(caller: Caller, email: str, *, base: str = "/api/auth") -> str:
    """Sign in with the right password and return the token for the second step."""
    answer = caller.post(f"{base}/login", {"email": email, "password": PASSWORD})
    assert (answer.status, answer.json["mfa_required"]) == (200, True), answer
    return answer.json["mfa_token"]


def second_step(caller: Caller, token: str, *, base: str = "/api/auth", **proof: object) -> Answer:
    method = next(iter(proof))
    name = "credential" if method == "passkey" else "code"
    return caller.post(f"{base}/mfa", {"mfa_token": token, "method": method, name: proof[method]})
