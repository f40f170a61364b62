"""Charts and registration."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.roles import Permission
from accounts.serializers import UserBrief
from audit.events import Kind
from core import totals
from core.api.pages import page_of
from core.api.schema import NOT_FOUND
from core.api.views import ApiView, PublicView
from core.tenancy import current_practice_id
from patients import services
from patients.deletion_views import DELETE_ERRORS, deleting
from patients.models import Patient
from patients.restriction import check_open, emergencies, open_for
from patients.search import find
from patients.serializers import Chart, ChartBrief, ChartInput, ChartPage, ChartQuery, RegisterInput

SEE_CHARTS = (Permission.READ_CHARTS, Permission.READ_CONTACTS, Permission.READ_OWN_CHART)


class Register(PublicView):
    methods = ("POST",)
    knows_caller = True
    answers_401 = True
    extra_errors = {"POST": NOT_FOUND}

    @extend_schema(
        request=RegisterInput,
        responses={201: UserBrief},
        auth=[{}, {"accessCookie": []}],  # type: ignore[list-item]
        summary="Register: a patient for themself; an office manager anybody in their practice",
    )
    def post(self, request: Request) -> Response:
        user = services.register(by=self.caller, request=request._request, **self.checked(RegisterInput))
        return Response(UserBrief.of(user), status=201)


class Charts(ApiView):
    permissions = {"GET": SEE_CHARTS, "POST": Permission.WRITE_CHARTS}
    trail = {"GET": Kind.CHARTS_LISTED, "POST": Kind.CREATED}
    about = Patient._meta.label

    @extend_schema(
        parameters=[ChartQuery],
        responses={200: ChartPage},
        summary="The practice's confirmed charts, newest first; a patient's own",
        description="`search`: every word must occur in the name, email or phone; from three characters on anywhere "
        "in a word, below that at its beginning. A restricted chart is found by its name alone.",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(ChartQuery)
        charts, total = _page_of_charts(self.caller, **query)
        page = {"page": query["page"], "limit": query["limit"]}
        open_for(self.caller, charts)
        kind = Kind.CHARTS_SEARCHED if query["search"].strip() else None
        self.saw((chart.pk for chart in charts), kind=kind, hits=total, **page, **emergencies(charts))
        return Response({"patients": [ChartBrief.of(chart) for chart in charts], "total": total, **page})

    @extend_schema(request=ChartInput, responses={201: Chart}, summary="Open a chart")
    def post(self, request: Request) -> Response:
        chart = services.open_chart(by=self.caller, **self.checked(ChartInput))
        return Response(Chart.of(chart), status=201)


class ChartById(ApiView):
    permissions = {"GET": SEE_CHARTS, "DELETE": Permission.DELETE_CLINICAL}
    trail = {"GET": Kind.CHART_READ, "DELETE": Kind.SOFT_DELETED}
    about = Patient._meta.label
    extra_errors = {"GET": NOT_FOUND, "DELETE": DELETE_ERRORS}

    @extend_schema(
        responses={200: Chart},
        summary="One chart",
        description="A restricted chart answers 403 to all but the patient, its primary doctor and whoever opened it "
        "in an emergency.",
    )
    def get(self, request: Request, chart_id: UUID) -> Response:
        chart = check_open(self.caller, Patient.objects.visible_to(self.caller).found(pk=chart_id))
        self.saw([chart.pk], **emergencies([chart]))
        return Response(_as_seen_by(self.caller, chart))

    delete = deleting(Patient)


def _as_seen_by(user: User, chart: Patient) -> dict[str, Any]:
    return Chart.contact_only(chart) if user.can(Permission.READ_CONTACTS) else Chart.whole(chart)


def _page_of_charts(user: User, *, search: str, page: int, limit: int) -> tuple[QuerySet[Patient], int]:
    """The charts of one page, and how many there are in all."""
    charts = Patient.objects.listed_for(user).newest_first()
    hits = find(charts, search) if search.strip() else charts
    if isinstance(hits, list):
        ids = hits[(page - 1) * limit : page * limit]
        return Patient.objects.filter(pk__in=ids).newest_first().brief(), len(hits)
    rows = page_of(hits.brief(), page=page, limit=limit)
    if search.strip() or user.can(Permission.READ_OWN_CHART):
        return rows, hits.count()
    total = totals.remembered("charts", practice_id=current_practice_id(), of=(Patient,), compute=hits.count)
    return rows, total
