"""What SendGrid and Twilio call. Each call is signed over what was sent: without the right signature it is refused,
before anything is looked up."""

from django.conf import settings
from django.http import HttpResponse
from django.utils.html import escape
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from core.api.views import PublicView
from core.errors import Forbidden, Refusal
from core.tenancy.scope import practice_scope
from integrations.email import sendgrid
from integrations.sending import Report
from integrations.sms import twilio
from notifications.messages import replies, reports
from notifications.models.message import parts_of_reference

NOT_SIGNED = _("This call is not signed by the provider.")
NOT_READABLE = _("This is not what the provider sends.")
MOST_EVENTS = 1_000


class ProviderCall(PublicView):
    """Not limited by address: a provider reports thousands of messages from a few. A wrong signature costs no query."""

    methods = ("POST",)
    throttle_classes = []
    keeps_answers = False
    schema = None

    def check_names(self, request: Request) -> None:
        """The names are the provider's."""

    def check(self, is_genuine: bool) -> None:
        if not is_genuine:
            raise Forbidden(NOT_SIGNED)


class SendGrid(ProviderCall):
    def post(self, request: Request) -> HttpResponse:
        body, headers = request._request.body, request.headers
        signature, timestamp = headers.get(sendgrid.SIGNATURE, ""), headers.get(sendgrid.TIMESTAMP, "")
        self.check(sendgrid.is_genuine(body, signature=signature, timestamp=timestamp))
        try:
            found = sendgrid.reports_in(body)
        except ValueError as error:
            raise Refusal(NOT_READABLE) from error
        for report in found[:MOST_EVENTS]:
            _apply(report)
        return HttpResponse(status=204)


class Twilio(ProviderCall):
    """Reports, if the address names a message, and otherwise what somebody has texted."""

    def post(self, request: Request) -> HttpResponse:
        body, signature = request._request.body, request.headers.get(twilio.SIGNATURE, "")
        address = settings.SITE_URL + request.get_full_path()
        self.check(twilio.is_genuine(address, body, signature=signature))
        if reference := request.query_params.get("message"):
            if report := twilio.report_in(body, reference=reference):
                _apply(report)
            return HttpResponse(status=204)
        said = replies.take(twilio.inbound_in(body))
        return HttpResponse(_twiml("" if b"OptOutType=" in body else said), content_type="text/xml; charset=utf-8")


def _apply(report: Report) -> None:
    parts = parts_of_reference(report.reference)
    if parts:
        with practice_scope(parts[0]):
            reports.apply(report)


def _twiml(said: str) -> str:
    """Return the answer (https://www.twilio.com/docs/messaging/twiml); Twilio has answered itself what it acts on."""
    message = f"<Message>{escape(said)}</Message>" if said else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>'
