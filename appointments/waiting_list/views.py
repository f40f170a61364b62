"""The waiting list."""

from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from appointments.models import WaitingListEntry, WaitingState
from appointments.serializers import AppointmentShape
from appointments.waiting_list import services
from appointments.waiting_list.serializers import (
    AcceptInput,
    EntryChange,
    EntryInput,
    EntryShape,
    MatchesList,
    MatchesQuery,
    OfferInput,
    SlotOfferShape,
    WaitingListPage,
    WaitingListQuery,
)
from audit.events import AuditEvent
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.versioned import VersionedView
from core.api.versions import ETAG, IF_MATCH
from core.permissions import Permission
from patients.restriction.services import emergency_details, resolve_access

DESK = Permission.MANAGE_WAITING_LIST
SEE, DECIDE = (DESK, Permission.READ_OWN_APPOINTMENTS), (DESK, Permission.CHANGE_OWN_APPOINTMENTS)
NOT_WAITING = {"409": "The patient waits for this already, or doesn't wait any more."}
STALE = stale(
    EntryShape,
    "The patient waits for this already, or doesn't wait any more, or someone else has changed this: `current`.",
)
NOT_FREE = {"409": "The slot is not free, is offered to this patient already, or the patient doesn't wait any more."}
OFFER_CONFLICT = {"409": "The offer has expired, somebody else has the slot, or the patient is elsewhere at this time."}


class OfWaitingList(VersionedView):
    audited_model = WaitingListEntry._meta.label

    def shown(self, entries: Iterable[WaitingListEntry]) -> list[dict[str, Any]]:
        """Return the entries as the caller may see them, and note whom that shows."""
        entries = list(entries)
        charts = resolve_access(self.caller, [entry.patient for entry in entries])
        self.audit_read((entry.patient_id for entry in entries), hits=len(entries), **emergency_details(charts))
        return [EntryShape.for_user(self.caller, entry) for entry in entries]

    def respond(self, entry_id: UUID, status: int = 200) -> Response:
        return self.versioned(self.shown_one(entry_id), status=status)

    def shown_one(self, entry_id: UUID) -> dict[str, Any]:
        return self.shown([_get(self.caller, entry_id)])[0]


def _get(user: User, entry_id: UUID) -> WaitingListEntry:
    found: WaitingListEntry = WaitingListEntry.objects.visible_to(user).with_shown().get_or_refuse(pk=entry_id)
    return found


class WaitingList(OfWaitingList):
    permissions = {"GET": SEE, "POST": DESK}
    audit_events = {"GET": AuditEvent.WAITING_LIST_READ, "POST": AuditEvent.CREATED}
    extra_errors = {"POST": NOT_FOUND | NOT_WAITING}

    @extend_schema(
        parameters=[WaitingListQuery],
        responses={200: WaitingListPage},
        summary="List who waits: the most urgent first, then who has waited longest",
        description="Patients see their own entries.",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(WaitingListQuery)
        page = Page.taken_from(query)
        state = query.pop("state", None)
        found = WaitingListEntry.objects.visible_to(self.caller).filter(**query).urgent_first()
        found = found.in_state(state) if state else found.filter(status=WaitingState.WAITING)
        rows = page.rows(found.with_shown())
        return Response({"waitingList": self.shown(rows), "total": page.total(found.count), **page.asked, **page.next})

    @extend_schema(
        request=EntryInput,
        parameters=[ETAG],
        responses={201: EntryShape},
        summary="Put a patient on the waiting list",
    )
    def post(self, request: Request) -> Response:
        return self.respond(services.add(by=self.caller, **self.checked(EntryInput)).pk, status=201)


class WaitingListEntryById(OfWaitingList):
    permissions = {"GET": SEE, "PATCH": DESK}
    audit_events = {"GET": AuditEvent.WAITING_LIST_READ, "PATCH": AuditEvent.CHANGED}
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | STALE}

    @extend_schema(parameters=[ETAG], responses={200: EntryShape}, summary="Get an entry of the waiting list")
    def get(self, request: Request, entry_id: UUID) -> Response:
        return self.respond(entry_id)

    @extend_schema(
        request=EntryChange,
        parameters=[IF_MATCH, ETAG],
        responses={200: EntryShape},
        summary="Change what would suit who waits",
    )
    def patch(self, request: Request, entry_id: UUID) -> Response:
        return self.change_versioned(
            EntryChange,
            shown=lambda: self.shown_one(entry_id),
            change=partial(services.change, by=self.caller, entry_id=entry_id),
        )


class WithdrawEntry(OfWaitingList):
    permissions = {"POST": DECIDE}
    audit_events = {"POST": AuditEvent.WAITING_WITHDRAWN}
    extra_errors = {"POST": NOT_FOUND | {"409": "It has been booked already."}}

    @extend_schema(
        parameters=[ETAG],
        responses={200: EntryShape},
        summary="Take a patient off the waiting list, and back what is offered",
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        services.withdraw(by=self.caller, entry_id=entry_id)
        return self.respond(entry_id)


class WaitingListMatches(OfWaitingList):
    permissions = {"GET": DESK}
    audit_events = {"GET": AuditEvent.WAITING_LIST_READ}
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        parameters=[MatchesQuery],
        responses={200: MatchesList},
        summary="List who would fit into a free slot",
        description="The most urgent first, then who has waited longest; at most 50. Who is with a doctor then is left "
        "out.",
    )
    def get(self, request: Request) -> Response:
        found = services.matches(by=self.caller, **self.checked_query(MatchesQuery))
        return Response({"matches": self.shown(found)})


class SlotOffers(OfWaitingList):
    permissions = {"POST": DESK}
    audit_events = {"POST": AuditEvent.SLOT_OFFERED}
    extra_errors = {"POST": NOT_FOUND | NOT_FREE}

    @extend_schema(
        request=OfferInput,
        responses={201: SlotOfferShape},
        summary="Offer a free slot to somebody who waits",
        description="The slot is kept while the offer stands. It may be offered to several; the first to accept has "
        "it.",
    )
    def post(self, request: Request, entry_id: UUID) -> Response:
        offered = services.offer(by=self.caller, entry_id=entry_id, **self.checked(OfferInput))
        self.audit_read([offered.entry.patient_id], about_id=entry_id)
        return Response(SlotOfferShape.to_dict(offered), status=201)


class SlotOfferById(OfWaitingList):
    permissions = {"DELETE": DECIDE}
    audit_events = {"DELETE": AuditEvent.OFFER_WITHDRAWN}
    extra_errors = {"DELETE": NOT_FOUND | {"409": "The patient has been booked already."}}

    @extend_schema(responses={204: None}, summary="Take an offer back, or decline one's own")
    def delete(self, request: Request, entry_id: UUID, offer_id: UUID) -> Response:
        entry = services.take_back(by=self.caller, entry_id=entry_id, offer_id=offer_id)
        self.audit_read([entry.patient_id], kind=AuditEvent.WAITING_LIST_READ, about_id=entry_id)  # if it was so before
        return Response(status=204)


class AcceptOffer(OfWaitingList):
    permissions = {"POST": DECIDE}
    audit_events = {"POST": AuditEvent.OFFER_ACCEPTED}
    extra_errors = {"POST": NOT_FOUND | OFFER_CONFLICT}

    @extend_schema(
        request=AcceptInput,
        responses={201: AppointmentShape},
        summary="Book what is offered",
        description="For patients, and for whoever has them on the phone.",
    )
    def post(self, request: Request, entry_id: UUID, offer_id: UUID) -> Response:
        booked = services.accept(by=self.caller, entry_id=entry_id, offer_id=offer_id, **self.checked(AcceptInput))
        charts = resolve_access(self.caller, [booked.patient])
        self.audit_read([booked.patient_id], about_id=entry_id, **emergency_details(charts))
        return Response(AppointmentShape.for_user(self.caller, booked), status=201)
