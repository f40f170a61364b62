"""What SendGrid and Twilio call, and the base of what Stripe does (billing/online/views.py). Each call is signed over
what was sent: without the right signature it is refused, before anything is looked up."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.html import escape
from django.utils.translation import gettext_lazy as _
from django.views import View

from core.api.exceptions import error_response
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


class NotSigned(Forbidden):
    def __init__(self) -> None:
        super().__init__(NOT_SIGNED)


class ProviderCall(View):
    """No view of the API, whose rules are for clients: the names are the provider's, the body is read as it was signed,
    and a provider reports thousands of messages from a few addresses. A wrong signature costs no query."""

    http_method_names = ["post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except Refusal as error:
            return error_response(error.status, error.detail)
        except ValueError:
            return error_response(400, str(NOT_READABLE))


class SendGrid(ProviderCall):
    def post(self, request: HttpRequest) -> HttpResponse:
        signature, timestamp = request.headers.get(sendgrid.SIGNATURE, ""), request.headers.get(sendgrid.TIMESTAMP, "")
        if not sendgrid.is_genuine(request.body, signature=signature, timestamp=timestamp):
            raise NotSigned
        for report in sendgrid.reports_in(request.body)[:MOST_EVENTS]:
            _apply(report)
        return HttpResponse(status=204)


class Twilio(ProviderCall):
    """Reports, if the address names a message, and otherwise what somebody has texted."""

    def post(self, request: HttpRequest) -> HttpResponse:
        address = settings.SITE_URL + request.get_full_path()
        signature = request.headers.get(twilio.SIGNATURE, "")
        if not twilio.is_genuine(address, request.body, signature=signature):
            raise NotSigned
        if reference := request.GET.get("message"):
            if report := twilio.report_in(request.body, reference=reference):
                _apply(report)
            return HttpResponse(status=204)
        said = replies.take(twilio.inbound_in(request.body))
        has_answered = b"OptOutType=" in request.body
        return HttpResponse(_twiml("" if has_answered else said), content_type="text/xml; charset=utf-8")


def _apply(report: Report) -> None:
    parts = parts_of_reference(report.reference)
    if parts:
        with practice_scope(parts[0]):
            reports.apply(report)


def _twiml(said: str) -> str:
    """Return the answer (https://www.twilio.com/docs/messaging/twiml); Twilio has answered itself what it acts on."""
    message = f"<Message>{escape(said)}</Message>" if said else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>'
