"""Charts."""

from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from audit import log
from audit.events import AuditEvent
from core.api.names import check_something_sent
from core.api.pagination import Page
from core.api.schema import Refused, extend_schema, stale
from core.api.versions import ETAG, IF_MATCH, etag, expected_version
from core.api.views import ApiView
from core.cache import cached_counts
from core.database.together import sent_together
from core.errors import StaleVersion
from core.permissions import Permission
from core.tenancy.compiled import BoundQuery, CompiledQuery
from core.tenancy.scope import current_practice_id
from patients import services
from patients.deletion.views import DELETE_ERRORS, delete_handler
from patients.merging.serializers import MERGED_AWAY
from patients.merging.services import naming_the_survivor
from patients.models import Patient, PatientQuerySet
from patients.registrations.duplicates import MayBeTwice, find_possible_duplicates
from patients.registrations.serializers import MayBeTwiceError, OpenedChart
from patients.restriction.services import (
    check_access,
    emergency_details,
    inaccessible_to,
    resolve_access,
    visible_chart,
)
from patients.search import search_charts
from patients.serializers import (
    Chart,
    ChartBrief,
    ChartChange,
    ChartInput,
    ChartPage,
    ChartQuery,
    IncompleteChartInput,
    chart_input_for,
)

MAY_BE_TWICE = {"409": Refused("With `confirmNew: false`: the person may already have a chart.", MayBeTwiceError)}
STALE = stale(Chart, "Someone else has changed the chart: `current` is how it is now.")
MAY_SEE_CHARTS = (Permission.READ_CHARTS, Permission.READ_CONTACTS, Permission.READ_OWN_CHART)


class Charts(ApiView):
    permissions = {"GET": MAY_SEE_CHARTS, "POST": Permission.WRITE_CHARTS}
    audit_events = {"GET": AuditEvent.CHARTS_LISTED, "POST": AuditEvent.CREATED}
    audited_model = Patient._meta.label
    extra_errors = {"POST": MAY_BE_TWICE}

    @extend_schema(
        parameters=[ChartQuery],
        responses={200: ChartPage},
        summary="List the practice's confirmed charts, newest first; for a patient their own",
        description="`search`: every word must occur in the name, email or phone: anywhere in a word if it has three "
        "or more characters, otherwise at its beginning. Accents, apostrophes, hyphens and blanks may be left out. A "
        "phone number is found with or without its country's code, and a date of birth as it is written in the "
        "practice's region (`1979-03-08`, `3/8/1979`, `8 March 1979`). A restricted chart is only found by its name. "
        "`incomplete` leaves out what is closed to the caller.",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(ChartQuery)
        page, search = Page.taken_from(query), query["search"]
        charts, total = _page_of_charts(self.caller, page, search=search, incomplete=query["incomplete"])
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
        parameters=[ETAG],
        responses={201: OpenedChart},
        summary="Open a chart",
        description="Not everything is known of everybody: with `incomplete: true`, a name and one of phone, email, "
        "address and emergency contact are enough. What is not known is left out, or sent empty or null. With "
        "`confirmNew: false`, nothing is opened for somebody who may have a chart; without it the chart is opened and "
        "answered with `possibleDuplicates`.",
    )
    def post(self, request: Request) -> Response:
        fields = self.checked(chart_input_for(request.data))
        is_sure = fields.pop("confirm_new", True)
        chart = None
        with transaction.atomic(), sent_together():
            duplicates = find_possible_duplicates(by=self.caller, **fields)
            if is_sure or not duplicates:
                chart = services.open_chart(by=self.caller, **fields)
        if chart is None:  # the trail keeps that they were shown
            raise MayBeTwice(duplicates)
        return Response(OpenedChart.opened(chart, duplicates), status=201, headers=etag(chart.version))


class ChartById(ApiView):
    permissions = {
        "GET": MAY_SEE_CHARTS,
        "PATCH": (Permission.WRITE_CHARTS, Permission.WRITE_CLINICAL_FIELDS, Permission.CHANGE_OWN_CONTACT),
        "DELETE": Permission.DELETE_CLINICAL,
    }
    audit_events = {"GET": AuditEvent.CHART_READ, "PATCH": AuditEvent.CHANGED, "DELETE": AuditEvent.SOFT_DELETED}
    audited_model = Patient._meta.label
    extra_errors = {"GET": MERGED_AWAY, "PATCH": MERGED_AWAY | STALE, "DELETE": DELETE_ERRORS}

    @extend_schema(
        parameters=[ETAG],
        responses={200: Chart},
        summary="Read a chart",
        description="A restricted chart answers 403, except to the patient, the primary doctor and anyone with an "
        "emergency access.",
    )
    def get(self, request: Request, chart_id: UUID) -> Response:
        return self.respond(self._get(chart_id))

    @extend_schema(
        request=ChartChange,
        parameters=[IF_MATCH, ETAG],
        responses={200: Chart},
        summary="Change a chart",
        description="The front desk and office managers change every field, doctors the blood type, allergies and "
        "medical history, patients the phone, email, address and emergency contact in their own chart: the email to "
        "write to, not the one to sign in with. The version that was read is required, here or in If-Match.",
    )
    def patch(self, request: Request, chart_id: UUID) -> Response:
        changes = self.checked_changes(ChartChange, shown=lambda: _for_user(self.caller, self._get(chart_id)))
        expected = expected_version(request, changes.pop("version", None))
        check_something_sent(request.data, ChartChange().fields, besides=("version",))
        chart = self._get(chart_id)
        try:
            chart = services.update_chart(patient=chart, by=self.caller, expected=expected, **changes)
        except StaleVersion:
            self._log_current(chart)
            raise
        return self.respond(chart)

    def respond(self, chart: Patient) -> Response:
        self.audit_read([chart.pk], about_id=chart.pk, **emergency_details([chart]))
        return Response(_for_user(self.caller, chart), headers=etag(chart.version))

    def _get(self, chart_id: UUID) -> Patient:
        with naming_the_survivor(by=self.caller, patient_id=chart_id):
            return check_access(self.caller, visible_chart(self.caller, pk=chart_id).get_or_refuse())

    def _log_current(self, chart: Patient) -> None:
        """Log that the answer to a stale change shows the current state."""
        log.record(
            AuditEvent.CHART_READ,
            practice_id=chart.practice_id,
            patients=[chart.pk],
            about=self.audited_model,
            about_id=chart.pk,
            **emergency_details([chart]),
        )

    delete = delete_handler(Patient)


def _listed(person: User, *, incomplete: bool = False) -> PatientQuerySet:
    """Return the charts of the list. That something is missing in a closed chart is no business of the caller."""
    charts = Patient.objects.listed_for(person).newest_first()
    return charts.incomplete().exclude(pk__in=inaccessible_to(person).values("pk")) if incomplete else charts


_listed_charts = CompiledQuery[Patient](lambda person: _listed(person).brief())
_incomplete_charts = CompiledQuery[Patient](lambda person: _listed(person, incomplete=True).brief())


def _for_user(user: User, chart: Patient) -> dict[str, Any]:
    return Chart.contact_only(chart) if user.can(Permission.READ_CONTACTS) else Chart.to_dict_or_raise(chart)


def _page_of_charts(user: User, page: Page, *, search: str, incomplete: bool) -> tuple[list[Patient], int]:
    """Return the charts of the page and the total."""
    if not search.strip():
        listed = _incomplete_charts(user) if incomplete else _listed_charts(user)
        return page.rows(listed), page.total(listed.count if incomplete else lambda: _total(listed))
    charts = _listed(user, incomplete=incomplete)
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
