"""E-mail and text messages against local servers that speak the providers' documented HTTP and SMTP: what a failure
means decides whether a message is sent again."""

import base64
import hashlib
import hmac
import socket
import threading
import time
from urllib.parse import parse_qs

import orjson
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from integrations import email, sms
from integrations.email import sendgrid
from integrations.email.contract import Attachment, Mail
from integrations.sending import Reason, Report, SendFailed
from integrations.sms import twilio
from integrations.sms.contract import Inbound, Sms
from integrations.tests.speaking import answer, speaking

pytestmark = pytest.mark.embedded  # it asks no database: one half will do

MAIL = Mail("paula@example.org", "Tomorrow", "At nine.", attachments=(Attachment("a.ics", b"BEGIN", "text/calendar"),))
SMS = Sms("+15550102030", "Tomorrow at nine.", "https://praxis.example.org/api/providers/twilio")
CREATED = b'{"sid": "SM1234", "status": "queued"}'


def cut_off(wire: socket.socket) -> None:
    wire.sendall(b"HTTP/1.1 20")


def half_a_body(wire: socket.socket) -> None:
    wire.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{" + CREATED[1:9])


def silence(wire: socket.socket) -> None:
    wire.settimeout(3)
    wire.recv(1)


def drip(wire: socket.socket) -> None:
    for _ in range(40):
        wire.sendall(b"H")
        time.sleep(0.05)


def code(number: int) -> bytes:
    return orjson.dumps({"code": number, "message": "said", "status": 400})


# what the provider answers → the reason of the failure (None: it was sent), permanent, uncertain
ANSWERS = {
    "accepted": (None, answer(201, CREATED), answer(202)),
    "asked to wait": (Reason.BUSY, answer(429, Retry_After="30"), answer(429, Retry_After="30")),
    "not available": (Reason.BUSY, answer(503), answer(503)),
    "error": (Reason.UNKNOWN, answer(500), answer(500)),
    "error of a proxy": (Reason.UNKNOWN, answer(502), answer(504)),
    "refused": (Reason.REFUSED, answer(400), answer(413)),
    "wrong key": (Reason.CREDENTIALS, answer(401), answer(403)),
    "cut off": (Reason.UNKNOWN, cut_off, cut_off),
    "closed": (Reason.UNKNOWN, b"", b""),
    "silence": (Reason.UNKNOWN, silence, silence),
    "drips": (Reason.UNKNOWN, drip, drip),
    "no HTTP": (Reason.UNKNOWN, b"220 mail.example.org ESMTP\r\n", b"\x00\x01\x02"),
}


@pytest.fixture(autouse=True)
def _providers(settings):
    settings.PROVIDER_TIMEOUT = 0.3
    settings.EMAIL_BACKEND, settings.SENDGRID_API_KEY = "integrations.email.sendgrid.EmailBackend", "SG.secret"
    settings.SMS_PROVIDER, settings.SMS_FROM = "twilio", "+15005550006"
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC99", "t0ken"


def outcome(send) -> SendFailed | None:
    began = time.monotonic()
    try:
        send()
    except SendFailed as failed:
        assert time.monotonic() - began < 2, "the limit is of the whole call"
        return failed
    return None


def test_what_an_answer_means(settings, subtests):
    for name, (reason, of_twilio, of_sendgrid) in ANSWERS.items():
        for provider, said in (("twilio", of_twilio), ("sendgrid", of_sendgrid)):
            with subtests.test(name=name, provider=provider), speaking(said) as server:
                settings.TWILIO_API_URL = settings.SENDGRID_API_URL = server.url
                failed = outcome(lambda p=provider: sms.send(SMS) if p == "twilio" else email.send(MAIL))
                assert (failed and failed.reason) == reason
                if failed:
                    assert failed.permanent == (reason == Reason.REFUSED)
                    assert failed.uncertain == (reason == Reason.UNKNOWN)
                    assert failed.wait == (30 if name == "asked to wait" else 0)
                assert len(server.requests) == 1, "nothing is sent twice by itself"


def test_provider_that_is_not_there_has_sent_nothing(settings):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settings.TWILIO_API_URL = settings.SENDGRID_API_URL = f"http://127.0.0.1:{port}"
    for send in (lambda: sms.send(SMS), lambda: email.send(MAIL)):
        failed = outcome(send)
        assert (failed.reason, failed.permanent, failed.uncertain) == (Reason.UNREACHABLE, False, False)


def test_twilio_is_called_as_documented(settings):
    with speaking(answer(201, CREATED)) as server:
        settings.TWILIO_API_URL = server.url
        assert sms.send(SMS) == "SM1234"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /2010-04-01/Accounts/AC99/Messages.json HTTP/1.1")
    assert b"Authorization: Basic " + base64.b64encode(b"AC99:t0ken") in head
    fields = {name: value for name, (value,) in parse_qs(body.decode()).items()}
    assert fields == {"To": SMS.to, "From": "+15005550006", "Body": SMS.text, "StatusCallback": SMS.report_to}


def test_text_message_that_was_accepted_in_half_an_answer_counts_as_sent(settings):
    with speaking(half_a_body) as server:
        settings.TWILIO_API_URL = server.url
        assert sms.send(SMS) == ""


def test_what_twilio_says_of_an_address_is_permanent(settings, subtests):
    for number, reason in ((21610, Reason.OPTED_OUT), (21211, Reason.ADDRESS), (21614, Reason.ADDRESS)):
        with subtests.test(number=number), speaking(answer(400, code(number))) as server:
            settings.TWILIO_API_URL = server.url
            failed = outcome(lambda: sms.send(SMS))
            assert (failed.reason, failed.permanent, failed.code) == (reason, True, str(number))


def test_sendgrid_is_called_as_documented(settings):
    with speaking(answer(202, X_Message_Id="abc")) as server:
        settings.SENDGRID_API_URL = server.url
        assert email.send(MAIL._replace(reference="m-1", sender="Clinic <clinic@example.org>")) == "abc"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v3/mail/send HTTP/1.1")
    assert b"Authorization: Bearer SG.secret" in head
    sent = orjson.loads(body)
    assert sent["personalizations"] == [{"to": [{"email": MAIL.to}], "custom_args": {"praxis_message": "m-1"}}]
    assert sent["from"] == {"email": "clinic@example.org", "name": "Clinic"}
    assert sent["content"] == [{"type": "text/plain", "value": MAIL.text}]
    assert sent["attachments"][0]["content"] == base64.b64encode(b"BEGIN").decode()
    assert sent["tracking_settings"]["click_tracking"] == {"enable": False}


SMTP_STEPS = ["250 ok", "250 ok", "250 ok", "354 go on", "250 queued"]  # EHLO, MAIL, RCPT, DATA, the text


def smtp(refused_at: int | None, said: str):
    """Return a mail server that says this at one of its steps, or hangs up for an empty text."""

    def serve(wire: socket.socket) -> None:
        stream = wire.makefile("rwb")
        for step, usual in enumerate(SMTP_STEPS):
            line = stream.readline().strip()
            while step == 4 and line != b".":
                line = stream.readline().strip()
            now = said if step == refused_at else usual
            if not now:
                return
            stream.write(now.encode() + b"\r\n")
            stream.flush()
            if now[0] in "45":
                break
        stream.readline()  # RSET or QUIT
        stream.write(b"250 bye\r\n")
        stream.flush()

    return serve


@pytest.mark.parametrize(
    ("step", "said", "reason"),
    [
        (None, "", None),
        (1, "451 later", Reason.BUSY),
        (2, "550 no such user", Reason.ADDRESS),
        (2, "450 mailbox busy", Reason.BUSY),
        (4, "554 spam", Reason.REFUSED),
        (4, "421 closing", Reason.BUSY),
        (4, "", Reason.UNKNOWN),
    ],
)
def test_what_a_mail_server_says(settings, step, said, reason):
    listener = socket.create_server(("127.0.0.1", 0))
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", listener.getsockname()[1], 2

    def serve() -> None:
        wire, _ = listener.accept()
        with wire:
            wire.settimeout(3)
            wire.sendall(b"220 mail.example.org ESMTP\r\n")
            try:
                smtp(step, said)(wire)
            except OSError:
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        failed = outcome(lambda: email.send(MAIL))
    finally:
        listener.close()
        thread.join(5)
    assert (failed and failed.reason) == reason


def test_mail_server_that_is_not_there_has_sent_nothing(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert outcome(lambda: email.send(MAIL)).reason == Reason.UNREACHABLE


def test_address_with_a_line_break_is_refused(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert outcome(lambda: email.send(MAIL._replace(to="a@example.org\nBcc: b@example.org"))).permanent


def test_console_prints_the_text_message(settings, capsys):
    settings.SMS_PROVIDER = "console"
    assert sms.send(SMS) == ""
    assert capsys.readouterr().out.startswith(f"SMS to {SMS.to}\n{SMS.text}\n")


# --- Signatures -------------------------------------------------------------------------------------------------------


def twilio_signature(url: str, fields: dict[str, str], token: str = "t0ken") -> str:
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), hashlib.sha1)).decode()


def test_twilio_signature_covers_address_and_fields(settings, subtests):
    url, body = "https://p.example.org/api/providers/twilio?message=1", b"From=%2B1555&Body=STOP&Empty="
    right = twilio_signature(url, {"From": "+1555", "Body": "STOP", "Empty": ""})
    assert twilio.is_genuine(url, body, signature=right)
    for name, arguments in {
        "another address": (url + "2", body, right),
        "another text": (url, body.replace(b"STOP", b"GO"), right),
        "one more field": (url, body + b"&More=1", right),
        "another key": (url, body, twilio_signature(url, {"From": "+1555"}, "other")),
        "none": (url, body, ""),
        "no letters of base64": (url, body, "é"),
    }.items():
        with subtests.test(name=name):
            assert not twilio.is_genuine(arguments[0], arguments[1], signature=arguments[2])
    settings.TWILIO_AUTH_TOKEN = ""
    assert not twilio.is_genuine(url, body, signature=twilio_signature(url, {"From": "+1555"}, ""))


def test_twilio_example_of_its_documentation(settings):
    """https://www.twilio.com/docs/usage/security, the example with auth token 12345."""
    settings.TWILIO_AUTH_TOKEN = "12345"
    body = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    fields = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234"}
    fields |= {"From": "+14158675309", "To": "+18005551212"}
    assert twilio_signature(url, fields, "12345") == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert twilio.is_genuine(url, body, signature="RSOYDt4T1cUTdK1PDd93/VVr8B8=")


def test_sendgrid_signature_covers_time_and_body(settings, subtests):
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    settings.SENDGRID_WEBHOOK_KEY = base64.b64encode(public).decode()
    body, timestamp = b'[{"event": "delivered"}]', "1600112502"
    right = base64.b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    assert sendgrid.is_genuine(body, signature=right, timestamp=timestamp)
    for name, arguments in {
        "another body": (body + b" ", right, timestamp),
        "another time": (body, right, "1600112503"),
        "none": (body, "", ""),
        "no base64": (body, "###", timestamp),
    }.items():
        with subtests.test(name=name):
            assert not sendgrid.is_genuine(arguments[0], signature=arguments[1], timestamp=arguments[2])
    settings.SENDGRID_WEBHOOK_KEY = ""
    assert not sendgrid.is_genuine(body, signature=right, timestamp=timestamp)


def test_what_reports_say():
    body = orjson.dumps(
        [
            {"event": "delivered", "praxis_message": "m-1", "sg_message_id": "abc.filter01"},
            {"event": "bounce", "praxis_message": "m-2", "sg_message_id": "def", "status": "5.1.1"},
            {"event": "open", "praxis_message": "m-1"},
            {"event": "spamreport", "praxis_message": "m-3"},
        ]
    )
    assert sendgrid.reports_in(body) == [
        Report("m-1", "abc", "delivered"),
        Report("m-2", "def", "failed", "5.1.1"),
        Report("m-3", "", "opted_out"),
    ]
    for odd in (b"{}", b"[1]", b"nothing"):
        with pytest.raises(ValueError):
            sendgrid.reports_in(odd)
    said = twilio.report_in(b"MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003", reference="m-1")
    assert said == Report("m-1", "SM1", "failed", "30003")
    assert twilio.report_in(b"MessageSid=SM1&MessageStatus=sent", reference="m-1") is None
    assert twilio.inbound_in(b"From=%2B1555&Body=Stop+it&To=%2B1") == Inbound("+1555", "Stop it")
