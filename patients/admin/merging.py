"""Merging two charts of one person: the section on a chart's page, and the page that compares the two."""

from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import gettext

from accounts.models import User
from core.admin.access_log import log_page_read, log_page_refusal
from core.admin.base import current_user
from core.encryption.fields import unreadable_marked
from core.errors import NotFound, Refusal
from core.formats import format_day
from core.permissions import Permission
from patients.admin.sections import ChartSectionsAdmin, Section, register_section
from patients.merging import services as merging
from patients.merging.services import ACCOUNT, Plan
from patients.merging.values import FIELDS, TEXTS, Kept, KeptText
from patients.models import ChartStatus, Gender, Patient
from patients.registrations.matching import with_matches
from patients.restriction.services import ChartRestricted, check_regular_access, resolve_access
from patients.search import search_charts

MAX_HITS = 10
CHOICES = {field: KeptText if field in TEXTS else Kept for field in FIELDS} | {ACCOUNT: Kept}


@register_section
class Merging(Section):
    template = "admin/patients/patient/merge.html"

    def context(self, chart: Patient, user: User) -> dict[str, Any]:
        return {"may_merge": user.can(Permission.MERGE_CHARTS) and chart.status == ChartStatus.CONFIRMED}

    def urls(self, chart_admin: ChartSectionsAdmin) -> list[URLPattern]:
        def view(request: HttpRequest, patient_id: UUID) -> HttpResponse:
            return merge_page(request, patient_id, chart_admin)

        return [
            path(
                "<uuid:patient_id>/merge-charts/",
                chart_admin.admin_site.admin_view(view),
                name="patients_patient_merge_charts",
            )
        ]


def merge_page(request: HttpRequest, patient_id: UUID, chart_admin: ChartSectionsAdmin) -> HttpResponse:
    """Find the other chart, compare the two, and merge them on a POST."""
    if not current_user(request).can(Permission.MERGE_CHARTS):
        raise PermissionDenied
    other = _id_in(request.POST if request.method == "POST" else request.GET)
    try:
        if other is None:
            return _search_page(request, patient_id, chart_admin)
        if request.method == "POST":
            return _merge(request, patient_id, other)
        return _comparison_page(request, patient_id, other, chart_admin)
    except NotFound as error:
        raise Http404 from error
    except Refusal as refusal:
        log_page_refusal(request, refusal)
        messages.error(request, refusal.detail)
        is_closed = isinstance(refusal, ChartRestricted)
        return redirect(f"admin:patients_patient_{'change' if is_closed else 'merge_charts'}", patient_id)


def _id_in(sent: Any) -> UUID | None:
    try:
        return UUID(sent["other"])
    except (KeyError, ValueError):
        return None


def _search_page(request: HttpRequest, patient_id: UUID, chart_admin: ChartSectionsAdmin) -> HttpResponse:
    """Return the page with the likely doubles, or with what was searched for."""
    user, query = current_user(request), request.GET.get("q", "").strip()
    chart: Patient = Patient.objects.confirmed().get_or_refuse(pk=patient_id)
    check_regular_access(user, chart)
    found = _found(user, query) if query else [match.chart for match in with_matches([chart])[0].matches]
    charts = [one for one in found if one.pk != chart.pk]
    resolve_access(user, charts)
    details = {"searched": True, "hits": len(charts)} if query else {}
    log_page_read(request, [chart, *charts], about=Patient._meta.label, about_id=chart.pk, **details)
    context = {"charts": charts, "query": query, "title": gettext("Merge another chart into this one")}
    return _page(request, "find_double.html", chart_admin, {**context, "chart": chart})


def _found(user: User, query: str) -> list[Patient]:
    charts = Patient.objects.listed_for(user).newest_first()
    hits = search_charts(charts, query)
    found = charts.filter(pk__in=hits[: MAX_HITS + 1]) if isinstance(hits, list) else hits[: MAX_HITS + 1]
    return list(found)[: MAX_HITS + 1]


def _comparison_page(
    request: HttpRequest, patient_id: UUID, other: UUID, chart_admin: ChartSectionsAdmin
) -> HttpResponse:
    plan = merging.preview(by=current_user(request), into=patient_id, source=other, keep={})
    log_page_read(request, [plan.into, plan.source], about=Patient._meta.label, about_id=patient_id)
    context = {
        "chart": plan.into,
        "other": plan.source,
        "plan": plan,
        "because": ", ".join(str(reason.label) for reason in plan.because),
        "rows": _rows(plan),
        "title": gettext("Compare the two charts"),
    }
    return _page(request, "compare.html", chart_admin, context)


def _rows(plan: Plan) -> list[dict[str, Any]]:
    """Return what the page shows of each difference."""
    with unreadable_marked():
        return [
            {
                "name": one.field,
                "label": _label(one.attribute),
                "into": _shown(plan.into, one.attribute),
                "from": _shown(plan.source, one.attribute),
                "keep": one.keep,
                "both": one.field in TEXTS and one.into and one.source,
            }
            for one in plan.differences
        ]


def _label(attribute: str) -> str:
    column: Any = Patient._meta.get_field(attribute.removesuffix("_id"))
    return capfirst(str(column.verbose_name))


def _shown(chart: Patient, attribute: str) -> str:
    if attribute == "primary_doctor_id":
        return str(chart.primary_doctor.name) if chart.primary_doctor else ""
    value = getattr(chart, attribute)
    if isinstance(value, date):
        return format_day(value)
    return str(Gender(value).label) if attribute == "gender" and value else str(value or "")


def _merge(request: HttpRequest, patient_id: UUID, other: UUID) -> HttpResponse:
    asked = {field: request.POST.get(f"keep_{field}") for field in CHOICES}
    keep = {field: value for field, value in asked.items() if value and value in CHOICES[field].values}
    plan = merging.merge(by=current_user(request), into=patient_id, source=other, keep=keep)
    for warning in plan.warnings:
        messages.warning(request, str(warning))
    messages.success(request, gettext("The charts were merged. Everything is in this one now."))
    return redirect("admin:patients_patient_change", patient_id)


def _page(
    request: HttpRequest, template: str, chart_admin: ChartSectionsAdmin, context: dict[str, Any]
) -> TemplateResponse:
    shared = chart_admin.admin_site.each_context(request)
    return TemplateResponse(request, f"admin/patients/patient/{template}", {**shared, **context})
