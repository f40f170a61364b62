"""People of the contract tests who prove themselves with more than a password."""

import time

from accounts.second_factor import totp
from tests.contract.clinic import PASSWORD
from tests.contract.doors import Answer, Caller

MFA = "/api/users/me/mfa"


def code(secret: str, *, later: int = 0) -> str:
    """What an app shows, or `later` steps from now. Of one secret take the one now, then the next: each is good once,
    and both are still good when a step ends meanwhile."""
    return totp.code_at(secret, int(time.time()) // totp.STEP_SECONDS + later)


def with_app(caller: Caller) -> tuple[str, list[str]]:
    """Sets up an authenticator app; its secret, and the recovery codes."""
    secret = caller.post(f"{MFA}/totp", {"password": PASSWORD}).json["secret"]
    answer = caller.post(f"{MFA}/totp/confirm", {"code": code(secret)})
    assert answer.status == 200, answer
    return secret, answer.json["recoveryCodes"]


def asked(caller: Caller, email: str, *, door: str = "/api/auth") -> str:
    """The token that a right password gives."""
    answer = caller.post(f"{door}/login", {"email": email, "password": PASSWORD})
    assert (answer.status, answer.json["mfa_required"]) == (200, True), answer
    return answer.json["mfa_token"]


def second_step(caller: Caller, token: str, *, door: str = "/api/auth", **proof: object) -> Answer:
    method = next(iter(proof))
    name = "credential" if method == "passkey" else "code"
    return caller.post(f"{door}/mfa", {"mfa_token": token, "method": method, name: proof[method]})
