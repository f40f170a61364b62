"""SendGrid's Web API v3 (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send) as a backend of
Django's mail, and its signed reports (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event)."""

import base64
import binascii
from collections.abc import Sequence
from email.utils import parseaddr
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from integrations import http
from integrations.sending import Reason, Report, SendFailed, refusal_of

REFERENCE = "praxis_message"
SIGNATURE, TIMESTAMP = "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"
EVENTS = {"delivered": "delivered", "bounce": "failed", "dropped": "failed", "spamreport": "opted_out"}


class EmailBackend(BaseEmailBackend):
    """Each message is one call. Raises SendFailed, also with `fail_silently`: nobody may think that it was sent."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            self._send(message)
        return len(email_messages)

    def _send(self, message: EmailMessage) -> None:
        headers = {"Authorization": f"Bearer {settings.SENDGRID_API_KEY}", "Content-Type": "application/json"}
        try:
            answer = http.post(
                f"{settings.SENDGRID_API_URL}/v3/mail/send",
                orjson.dumps(_body(message)),
                headers=headers,
                seconds=settings.PROVIDER_TIMEOUT,
            )
        except http.NotSent as error:
            raise SendFailed(Reason.UNREACHABLE) from error
        except http.Unanswered as error:
            raise SendFailed(Reason.UNKNOWN) from error
        if answer.status != 202:  # "accepted"; 200 is only of its sandbox, which sends nothing
            if 200 <= answer.status < 300:
                raise SendFailed(Reason.REFUSED, code=str(answer.status))
            raise refusal_of(answer.status, retry_after=answer.headers.get("Retry-After"))
        message.provider_id = answer.headers.get("X-Message-Id", "")  # type: ignore[attr-defined]


def _body(message: EmailMessage) -> dict[str, Any]:
    personal: dict[str, Any] = {
        field: [_person(address) for address in addresses]
        for field, addresses in (("to", message.to), ("cc", message.cc), ("bcc", message.bcc))
        if addresses
    }
    if "to" not in personal:  # which it demands: a mail to hidden people goes to its sender too
        personal["to"] = [_person(message.from_email)]
    if reference := message.extra_headers.get("X-Praxis-Message"):
        personal["custom_args"] = {REFERENCE: reference}
    body: dict[str, Any] = {
        "personalizations": [personal],
        "from": _person(message.from_email),
        "subject": message.subject,
        "content": [{"type": "text/plain", "value": message.body}],
        # no link of ours may lead through somebody else's server, and no picture tells when a mail was read
        "tracking_settings": {"click_tracking": {"enable": False}, "open_tracking": {"enable": False}},
    }
    if attachments := [_attachment(*each) for each in message.attachments]:
        body["attachments"] = attachments
    return body


def _person(address: str) -> dict[str, str]:
    name, email = parseaddr(address)
    return {"email": email, "name": name} if name else {"email": email}


def _attachment(name: str, content: bytes | str, mimetype: str) -> dict[str, str]:
    raw = content.encode() if isinstance(content, str) else content
    return {"filename": name, "type": mimetype, "content": base64.b64encode(raw).decode(), "disposition": "attachment"}


def is_genuine(body: bytes, *, signature: str, timestamp: str) -> bool:
    """Return whether SendGrid signed these bytes, with the key that SENDGRID_WEBHOOK_KEY holds the public half of."""
    if not settings.SENDGRID_WEBHOOK_KEY:
        return False
    try:
        key = load_der_public_key(base64.b64decode(settings.SENDGRID_WEBHOOK_KEY))
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError, AssertionError):
        return False
    return True


def reports_in(body: bytes) -> list[Report]:
    """Return what the events say that matter here. Raises ValueError for what is none of theirs."""
    events = orjson.loads(body)
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise ValueError("not a list of events")
    return [
        Report(
            reference=str(event.get(REFERENCE, "")),
            provider_id=str(event.get("sg_message_id", "")).partition(".")[0],
            event=EVENTS[event["event"]],
            code=str(event.get("status", "") or event.get("type", ""))[:40],
        )
        for event in events
        if event.get("event") in EVENTS
    ]
