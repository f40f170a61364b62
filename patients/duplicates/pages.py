"""The worklist of charts that may be twice: compare and merge two, or say that they are different people."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext

from core.admin.access_log import background_request
from core.pages import WorkPage
from core.permissions import Permission
from patients.duplicates import services
from patients.models import DuplicatePair, Patient

PAIRS_SHOWN = 20
COLUMNS = ("name", "email", "phone", "date_of_birth", "address", "restricted", "created_at")
SHOWN = [f"{end}__{column}" for end in ("one", "other") for column in COLUMNS]


class DuplicatesPage(WorkPage):
    needs = Permission.MERGE_CHARTS
    about = DuplicatePair._meta.label


class Duplicates(DuplicatesPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        pairs = list(
            services.open_pairs().select_related("one", "other").only("reasons", "practice", *SHOWN)[: PAIRS_SHOWN + 1]
        )
        shown = pairs[:PAIRS_SHOWN]
        charts = [chart for pair in shown for chart in (pair.one, pair.other)]
        self.read(charts, hits=len(shown))
        context = {
            "pairs": [_described(pair) for pair in shown],
            "are_more": len(pairs) > PAIRS_SHOWN,
            "number": services.open_pairs().count(),
        }
        return render(request, "patients/duplicates/duplicates.html", context)


class Compare(DuplicatesPage):
    """Compare the next charts; the page asks until all are compared."""

    http_method_names = ["post"]
    is_counted = False

    def post(self, request: HttpRequest) -> HttpResponse:
        progress = services.compare_some(by=self.user)
        if "HX-Request" not in request.headers:
            return redirect("duplicates")
        self.read([])
        done = int(request.POST.get("done", "0")) if request.POST.get("done", "0").isdecimal() else 0
        number = services.open_pairs().count()
        total = Patient.objects.confirmed().count()
        context = {"done": done + progress.compared, "total": total, "is_done": progress.is_done, "number": number}
        return render(request, "patients/duplicates/progress.html", context)


compare = background_request(Compare.as_view())


class Dismiss(DuplicatesPage):
    """Say that two charts are of different people, or with `undo` take that back."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pair_id: UUID) -> HttpResponse:
        if "undo" in request.POST:
            services.reopen(by=self.user, pair_id=pair_id)
            self.done(gettext("Undone: the two charts are to be compared again."))
        else:
            services.dismiss(by=self.user, pair_id=pair_id)
            self.done(gettext("Noted: these two charts are different people."), undo=request.path)
        return redirect("duplicates")


def _described(pair: DuplicatePair) -> dict[str, Any]:
    older, newer = sorted((pair.one, pair.other), key=lambda chart: (chart.created_at, chart.pk))
    address = reverse("admin:patients_patient_merge_charts", args=[older.pk])
    return {
        "pair": pair,
        "charts": [older, newer],
        "because": services.reasons_of(pair),
        "compare": f"{address}?other={newer.pk}",
    }
