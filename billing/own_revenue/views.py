"""What a doctor's own visits brought."""

from rest_framework.request import Request
from rest_framework.response import Response

from billing.own_revenue.services import check_allowed
from billing.reports import figures
from billing.reports.serializers import OwnRevenueQuery, OwnRevenueShape
from billing.reports.views import OWN_SUMS, days_of, in_sums
from core.api.schema import extend_schema
from core.api.views import ApiView
from core.permissions import Permission


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
        rows = figures.revenue_of(self.caller, first, last, query["by"])
        return Response({"from": first, "to": last, "by": query["by"], **in_sums(rows, OWN_SUMS)})
