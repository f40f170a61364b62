"""One search for patients, people and pages: Ctrl-K on every page, and a page of its own for who has no scripts."""

from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import User
from accounts.roles import Role
from appointments.calendar.forms import SearchForm
from audit.events import AuditEvent
from core.admin.needs import may_open
from core.errors import Invalid, Sentence
from core.pages import WorkPage
from core.permissions import Permission
from dashboard import menu
from patients.models import Patient
from patients.search import search_charts

MOST = 8  # of each kind
PART = "Praxis-Part"  # header of what the dialog asks for


class SearchHit(NamedTuple):
    title: Sentence
    address: str
    hint: Sentence = ""


class Search(WorkPage):
    """What somebody types comes in the body: addresses end up in logs and in the browser's history."""

    needs = Permission.READ_APPOINTMENTS
    about = Patient._meta.label

    def get(self, request: HttpRequest) -> HttpResponse:
        self.read([])
        return render(request, "dashboard/search/page.html")

    def post(self, request: HttpRequest) -> HttpResponse:
        context = self.results(request)
        charts = context["charts"]
        self.read(charts, kind=AuditEvent.CHARTS_SEARCHED, hits=len(charts), searched=bool(context["query"]))
        template = "results" if PART in request.headers else "page"
        return render(request, f"dashboard/search/{template}.html", context)

    def results(self, request: HttpRequest) -> dict[str, Any]:
        form = SearchForm(request.POST)
        query = form.cleaned_data["q"] if form.is_valid() else ""
        nobody: dict[str, Any] = {"query": query, "charts": [], "people": [], "pages": []}
        if not query:
            return nobody
        try:
            charts = self._charts(query)
        except Invalid as too_many:
            return {**nobody, "too_many": too_many.message, "pages": pages(request, query)}
        return {
            "query": query,
            "charts": charts[:MOST],
            "are_more": len(charts) > MOST,
            "people": people(self.user, query),
            "pages": pages(request, query),
        }

    def _charts(self, query: str) -> list[Patient]:
        hits = search_charts(Patient.objects.listed_for(self.user).newest_first(), query)
        if isinstance(hits, list):
            hits = Patient.objects.filter(pk__in=hits[: MOST + 1]).newest_first()
        return list(hits.brief()[: MOST + 1])


def _fits(query: str, title: Sentence) -> bool:
    text = str(title).casefold()
    return all(word in text for word in query.casefold().split())


def people(user: User, query: str) -> list[SearchHit]:
    """Return the colleagues of this name: where a manager keeps their account, or a doctor's day in the calendar."""
    if user.can(Permission.MANAGE_USERS):
        staff = [each for each in User.objects.exclude(role=Role.PATIENT).order_by("id") if _fits(query, each.name)]
        return [
            SearchHit(each.name, reverse("admin:accounts_user_change", args=[each.pk]), each.get_role_display())
            for each in staff[:MOST]
        ]
    if not user.can(Permission.CHANGE_APPOINTMENTS):
        return []
    doctors = [each for each in User.objects.doctors().order_by("id") if _fits(query, each.name)]
    calendar = reverse("calendar")
    return [
        SearchHit(
            each.name, f"{calendar}?{urlencode({'view': 'day', 'doctor': str(each.pk)})}", each.get_role_display()
        )
        for each in doctors[:MOST]
    ]


def pages(request: HttpRequest, query: str) -> list[SearchHit]:
    """Return the pages of this name that the person may open: those of both menus, and of their account."""
    sidebar: Any = settings.UNFOLD["SIDEBAR"]
    listed = [(item["title"], str(item["link"])) for group in sidebar["navigation"] for item in group["items"]]
    listed += [(entry.title, entry.address) for entry in (*menu.entries(request), *menu.account_entries(request))]
    known = {address: title for title, address in reversed(listed) if address != reverse("search")}
    fitting = [SearchHit(title, address) for address, title in known.items() if _fits(query, title)]
    fitting.sort(key=lambda hit: str(hit.title))
    return [hit for hit in fitting if may_open(request, hit.address)][:MOST]
