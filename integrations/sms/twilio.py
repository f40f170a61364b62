"""Twilio's Programmable Messaging: sending (https://www.twilio.com/docs/messaging/api/message-resource), and the
signatures of what it calls (https://www.twilio.com/docs/usage/security#validating-requests)."""

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import orjson
from django.conf import settings

from integrations import http
from integrations.sending import Reason, Report, SendFailed, refusal_of
from integrations.sms.contract import Inbound, Sms

SIGNATURE = "X-Twilio-Signature"
# https://www.twilio.com/docs/api/errors
OPTED_OUT = {21610}
BAD_ADDRESS = {21211, 21214, 21217, 21408, 21612, 21614}
EVENTS = {"delivered": "delivered", "failed": "failed", "undelivered": "failed"}


def send(sms: Sms) -> str:
    """Return the message's SID; empty if the answer that it was accepted did not arrive whole."""
    sender = "MessagingServiceSid" if settings.SMS_FROM.startswith("MG") else "From"
    fields = {"To": sms.to, sender: settings.SMS_FROM, "Body": sms.text}
    if sms.report_to:
        fields["StatusCallback"] = sms.report_to
    account = settings.TWILIO_ACCOUNT_SID
    credentials = base64.b64encode(f"{account}:{settings.TWILIO_AUTH_TOKEN}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/x-www-form-urlencoded"}
    url = f"{settings.TWILIO_API_URL}/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json"
    try:
        answer = http.post(url, urlencode(fields).encode(), headers=headers, seconds=settings.PROVIDER_TIMEOUT)
    except http.NotSent as error:
        raise SendFailed(Reason.UNREACHABLE) from error
    except http.Unanswered as error:
        raise SendFailed(Reason.UNKNOWN) from error
    said = _json(answer.body)
    if 200 <= answer.status < 300:
        return str(said.get("sid", ""))
    raise _refusal(answer, said)


def _refusal(answer: http.Answer, said: dict[str, Any]) -> SendFailed:
    code = said.get("code")
    if 400 <= answer.status < 500 and code in OPTED_OUT:
        return SendFailed(Reason.OPTED_OUT, code=str(code))
    if 400 <= answer.status < 500 and code in BAD_ADDRESS:
        return SendFailed(Reason.ADDRESS, code=str(code))
    shown = str(code) if isinstance(code, int) else ""
    return refusal_of(answer.status, retry_after=answer.headers.get("Retry-After"), code=shown)


def _json(body: bytes | None) -> dict[str, Any]:
    try:
        said = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def is_genuine(url: str, body: bytes, *, signature: str) -> bool:
    """Return whether Twilio signed this call: its full address, and each field of the form in order."""
    token = settings.TWILIO_AUTH_TOKEN
    if not token:
        return False
    fields = sorted(set(_fields(body)))
    signed = url + "".join(name + value for name, value in fields)
    expected = base64.b64encode(hmac.digest(token.encode(), signed.encode(), hashlib.sha1)).decode()
    return hmac.compare_digest(expected.encode(), signature.encode())


def _fields(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def report_in(body: bytes, *, reference: str) -> Report | None:
    """Return what a status callback says; None for what does not matter here, such as "queued"."""
    said = dict(_fields(body))
    event = EVENTS.get(said.get("MessageStatus", ""))
    if event is None:
        return None
    code = said.get("ErrorCode", "")
    event = "opted_out" if code.isdigit() and int(code) in OPTED_OUT else event
    return Report(reference=reference, provider_id=said.get("MessageSid", ""), event=event, code=code[:40])


def inbound_in(body: bytes) -> Inbound:
    said = dict(_fields(body))
    return Inbound(sender=said.get("From", ""), text=said.get("Body", ""))
