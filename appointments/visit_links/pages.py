"""The pages that the links in messages lead to. They ask before they act: mail scanners open links, too."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.exceptions import Throttled

from accounts.passwords.pages import Page
from appointments.booking_rules import is_late
from appointments.models import Appointment, SlotOffer
from appointments.schedule.availability import visits_of
from appointments.visit_links import offers, services
from appointments.visits.machine import Action
from core.api import throttling
from core.error_pages import throttled_page
from core.errors import Refusal
from core.formats import format_local_datetime, format_moment
from core.tenancy.scope import practice_scope

ACTIONS = {"confirm": Action.CONFIRM, "cancel": Action.CANCEL}


class LinkPage(Page):
    """Opening it is counted by address, too, so that nobody tries out links."""

    def _answer(self, request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        if request.method != "POST":  # the base counts those
            try:
                throttling.count_address(request)
            except Throttled as throttled:
                return throttled_page(request, throttled)
        return super()._answer(request, *args, **kwargs)


class VisitLink(LinkPage):
    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            visit = services.read(token)
        except services.LinkNotValid as refusal:
            return _not_valid(request, refusal)
        return _page(request, visit)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        action = ACTIONS.get(request.POST.get("action", ""))
        try:
            visit = services.act(token, action) if action else services.read(token)
        except services.LinkNotValid as refusal:
            return _not_valid(request, refusal)
        except Refusal as refusal:
            return _page(request, services.read(token), error=str(refusal.detail), status=refusal.status)
        return _page(request, visit, done=action)


def _page(
    request: HttpRequest, visit: Appointment, *, done: Action | None = None, error: str = "", status: int = 200
) -> HttpResponse:
    with practice_scope(visit.practice_id):
        may_cancel, video_link = not is_late(visit.starts_at), visit.video_link
    context = {
        "practice": visit.practice,
        "when": format_local_datetime(visit, visit.starts_at),
        "office": visit.office or visit.doctor.office,
        "video_link": video_link,
        "is_confirmed": visit.confirmed_at is not None,
        "may_cancel": may_cancel,
        "done": done.value if done else "",
        "error": error,
    }
    return render(request, "appointments/visit_links/visit.html", context, status=status)


def _not_valid(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    return render(request, "invitations/invalid_link.html", {"sentence": refusal.detail}, status=refusal.status)


OFFER_ACTIONS = {"accept": offers.accept, "decline": offers.decline}


class OfferLink(LinkPage):
    """The page behind the link in an offer of the waiting list."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            return _offer_page(request, offers.read(token))
        except services.LinkNotValid as refusal:
            return _not_valid(request, refusal)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        action = request.POST.get("action", "")
        try:
            offer = OFFER_ACTIONS.get(action, offers.read)(token)
        except services.LinkNotValid as refusal:
            return _not_valid(request, refusal)
        except Refusal as refusal:
            return _page_of_refused(request, token, refusal)
        return _offer_page(request, offer, done=action if action in OFFER_ACTIONS else "")


def _page_of_refused(request: HttpRequest, token: str, refusal: Refusal) -> HttpResponse:
    try:
        return _offer_page(request, offers.read(token), error=str(refusal.detail), status=refusal.status)
    except services.LinkNotValid as over:
        return _not_valid(request, over)


def _offer_page(
    request: HttpRequest, offer: SlotOffer, *, done: str = "", error: str = "", status: int = 200
) -> HttpResponse:
    with practice_scope(offer.practice_id):
        booked = offer.accepted_visit()
        visit = booked or visits_of([offer])[0]
    if booked:  # also by an earlier click, which a later one must not make doubtful
        done, error, status = "accept", "", 200
    context = {
        "practice": offer.practice,
        "when": format_local_datetime(visit, offer.starts_at),
        "doctor": offer.doctor.name,
        "office": visit.office or visit.doctor.office,
        "until": format_moment(offer.expires_at, visit.tzinfo, "TIME_FORMAT"),
        "done": done,
        "error": error,
    }
    return render(request, "appointments/visit_links/offer.html", context, status=status)
