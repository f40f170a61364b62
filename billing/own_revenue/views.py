"""What a doctor's own visits brought."""

from datetime import date
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from billing.money import to_text
from billing.own_revenue.services import check_allowed
from billing.reports import figures
from billing.reports.figures import Revenue
from billing.reports.serializers import OwnRevenueQuery, OwnRevenueShape
from billing.reports.views import days_of
from core.api.schema import extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from practices.services import current_practice


class OwnRevenue(ApiView):
    permissions = {"GET": Permission.READ_OWN_REVENUE}

    @extend_schema(
        parameters=[OwnRevenueQuery],
        responses={200: OwnRevenueShape},
        summary="What a doctor's own visits brought",
        description="Only where the practice's `doctorsSeeRevenue` is on. What was invoiced and credited, without what "
        "was paid: payments are put towards invoices, not towards their lines.",
    )
    def get(self, request: Request) -> Response:
        check_allowed()
        query = self.checked_query(OwnRevenueQuery)
        first, last = days_of(query.get("first"), query.get("last"))
        rows, currency = figures.revenue_of(self.caller, first, last, query["by"]), current_practice().currency
        total = figures.summed(rows)
        shown = [{"key": _text(row.key), "name": row.name, **_sums(row, currency)} for row in rows]
        head = {"from": first, "to": last, "by": query["by"], "currency": currency}
        return Response({**head, "total": _sums(total, currency), "rows": shown})


def _text(key: date | UUID | None) -> str | None:
    return str(key) if key else None


def _sums(row: Revenue, currency: str) -> dict[str, str]:
    return {"invoiced": to_text(row.invoiced, currency), "credited": to_text(row.credited, currency)}
