"""Charts."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from audit.events import AuditEvent
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.cache import cached_counts
from core.permissions import Permission
from core.tenancy.compiled import BoundQuery, CompiledQuery
from core.tenancy.scope import current_practice_id
from patients import services
from patients.deletion.views import DELETE_ERRORS, delete_handler
from patients.models import Patient
from patients.registrations.duplicates import find_possible_duplicates
from patients.registrations.serializers import OpenedChart
from patients.restriction.services import check_access, emergency_details, resolve_access, visible_chart
from patients.search import search_charts
from patients.serializers import (
    Chart,
    ChartBrief,
    ChartInput,
    ChartPage,
    ChartQuery,
    IncompleteChartInput,
    chart_input_for,
)

MAY_SEE_CHARTS = (Permission.READ_CHARTS, Permission.READ_CONTACTS, Permission.READ_OWN_CHART)


class Charts(ApiView):
    permissions = {"GET": MAY_SEE_CHARTS, "POST": Permission.WRITE_CHARTS}
    audit_events = {"GET": AuditEvent.CHARTS_LISTED, "POST": AuditEvent.CREATED}
    audited_model = Patient._meta.label

    @extend_schema(
        parameters=[ChartQuery],
        responses={200: ChartPage},
        summary="List the practice's confirmed charts, newest first; for a patient their own",
        description="`search`: every word must occur in the name, email or phone: anywhere in a word if it has three "
        "or more characters, otherwise at its beginning. Accents, apostrophes, hyphens and blanks may be left out. A "
        "phone number is found with or without its country's code, and a date of birth as it is written in the "
        "practice's region (`1979-03-08`, `3/8/1979`, `8 March 1979`). A restricted chart is only found by its name.",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(ChartQuery)
        page, search = Page.taken_from(query), query["search"]
        charts, total = _page_of_charts(self.caller, page, search=search)
        resolve_access(self.caller, charts)
        kind = AuditEvent.CHARTS_SEARCHED if search.strip() else None
        self.audit_read(
            (chart.pk for chart in charts), kind=kind, hits=total, **page.asked, **emergency_details(charts)
        )
        shown = [ChartBrief.to_dict(chart) for chart in charts]
        return Response({"patients": shown, "total": total, **page.asked, **page.next})

    @extend_schema(
        request=PolymorphicProxySerializer(
            component_name="NewChart", serializers=[ChartInput, IncompleteChartInput], resource_type_field_name=None
        ),
        responses={201: OpenedChart},
        summary="Open a chart",
        description="Not everything is known of everybody: with `incomplete: true`, a name and one of phone, email, "
        "address and emergency contact are enough. What is not known is left out, or sent empty or null.",
    )
    def post(self, request: Request) -> Response:
        fields = self.checked(chart_input_for(request.data))
        duplicates = find_possible_duplicates(by=self.caller, **fields)
        chart = services.open_chart(by=self.caller, **fields)
        return Response(OpenedChart.opened(chart, duplicates), status=201)


class ChartById(ApiView):
    permissions = {"GET": MAY_SEE_CHARTS, "DELETE": Permission.DELETE_CLINICAL}
    audit_events = {"GET": AuditEvent.CHART_READ, "DELETE": AuditEvent.SOFT_DELETED}
    audited_model = Patient._meta.label
    extra_errors = {"GET": NOT_FOUND, "DELETE": DELETE_ERRORS}

    @extend_schema(
        responses={200: Chart},
        summary="Read a chart",
        description="A restricted chart answers 403, except to the patient, the primary doctor and anyone with an "
        "emergency access.",
    )
    def get(self, request: Request, chart_id: UUID) -> Response:
        chart = check_access(self.caller, visible_chart(self.caller, pk=chart_id).get_or_refuse())
        self.audit_read([chart.pk], **emergency_details([chart]))
        return Response(_for_user(self.caller, chart))

    delete = delete_handler(Patient)


_listed_charts = CompiledQuery[Patient](lambda person: Patient.objects.listed_for(person).newest_first().brief())


def _for_user(user: User, chart: Patient) -> dict[str, Any]:
    return Chart.contact_only(chart) if user.can(Permission.READ_CONTACTS) else Chart.to_dict_or_raise(chart)


def _page_of_charts(user: User, page: Page, *, search: str) -> tuple[list[Patient], int]:
    """Return the charts of the page and the total."""
    if not search.strip():
        listed = _listed_charts(user)
        return page.rows(listed), page.total(lambda: _total(listed))
    charts = Patient.objects.listed_for(user).newest_first()
    hits = search_charts(charts, search)
    if isinstance(hits, list):
        ids = page.keys([(pk,) for pk in hits], of=charts)
        return list(Patient.objects.filter(pk__in=ids).newest_first().brief()), len(hits)
    rows = page.rows(hits.brief())
    return rows, page.total(hits.count)


def _total(listed: BoundQuery[Patient]) -> int:
    if listed.person.can(Permission.READ_OWN_CHART):
        return listed.count()
    total: int = cached_counts.get_or_compute(
        "charts", practice_id=current_practice_id(), of=(Patient,), compute=listed.count
    )
    return total
