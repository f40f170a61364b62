"""What the practice offers, and when doctors work: the office manager's pages."""

from datetime import UTC
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import ForeignKey, Q, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from accounts.models import User
from appointments.admin.appointments import LocalTimeField
from appointments.admin.holidays import holidays_page
from appointments.models import AppointmentType, Room, ScheduleException, TypeOffer, WorkingHours
from appointments.rooms import services as rooms
from appointments.schedule import services as schedules
from appointments.time_rules import EARLIEST, INVALID_DATE, LATEST
from appointments.types import services as types
from core.admin.access_log import shows_no_patient
from core.admin.base import Access, P, ServiceForm, current_user
from core.admin.removing import RemovableAdmin
from core.encryption.fields import unreadable_marked
from core.formats import format_day, format_local_datetime, format_time
from practices.models import Office
from practices.services import current_practice

MANAGER = Access(P.USE_ADMIN_SITE, add=P.MANAGE_SCHEDULES, change=P.MANAGE_SCHEDULES)


class _ScheduleAdmin(RemovableAdmin):
    """The doctors and offices of the practice to choose from, and their names in lists."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("doctor", "office__practice", "practice")

    @admin.display(description=_("Doctor"))
    def doctor_name(self, row: Any) -> str:
        with unreadable_marked():
            return row.doctor.name if row.doctor else gettext("Everyone")

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "doctor":
            kwargs["queryset"] = User.objects.doctors().order_by("id")
        if db_field.name == "office":
            kwargs["queryset"] = Office.objects.order_by("name", "id")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


def _with_ids(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with the ids of the rows that were chosen, as services take them."""
    chosen = {name: values.pop(name) for name in ("doctor", "office") if name in values}
    return {**values, **{f"{name}_id": row and row.pk for name, row in chosen.items()}}


class TypeForm(ServiceForm):
    doctors: Any = forms.ModelMultipleChoiceField(
        label=_("Doctors"),
        queryset=None,  # set below: there is no practice yet
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Who offers it. If none is ticked, everyone does."),
    )
    colour = forms.CharField(
        label=_("Colour"),
        widget=forms.TextInput(attrs={"type": "color"}),
        initial=AppointmentType._meta.get_field("colour").default,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "doctors" in self.fields:
            field: Any = self.fields["doctors"]
            offering = Q(pk__in=TypeOffer.objects.filter(appointment_type=self.instance.pk).values("doctor"))
            field.queryset = (User.objects.doctors() | User.objects.filter(offering)).order_by("id")
            field.label_from_instance = lambda doctor: doctor.name
            if not self.instance._state.adding:
                self.initial["doctors"] = [offer.doctor_id for offer in self.instance.offers.all()]


@admin.register(AppointmentType)
@shows_no_patient("what the practice offers")
class AppointmentTypeAdmin(RemovableAdmin):
    empty_hint = _("Add what the practice offers, such as a first visit of an hour.")
    access = MANAGER
    form = TypeForm
    ordering = ("position", "name", "id")
    list_display = ("name", "minutes", "bookable_online", "video", "is_active")
    readonly_fields = ("offered_by",)
    removal_note = _("You can remove a type only if no appointment has it. This can't be undone.")
    removal_button, removed = _("Remove this appointment type"), _("Appointment type removed.")

    def get_fields(self, request: HttpRequest, obj: AppointmentType | None = None) -> list[str]:
        may_change = obj is None or self.has_change_permission(request, obj)
        return [
            *("name", "minutes", "buffer_before", "buffer_after", "colour", "bookable_online", "video", "video_link"),
            *("position", "is_active", "doctors" if may_change else "offered_by"),
        ]

    @admin.display(description=_("Offered by"))
    def offered_by(self, row: AppointmentType) -> str:
        with unreadable_marked():
            names = [offer.doctor.name for offer in row.offers.select_related("doctor").order_by("doctor_id")]
        return ", ".join(names) or gettext("Everyone")

    def create(self, request: HttpRequest, values: dict[str, Any]) -> AppointmentType:
        return types.create_type(by=current_user(request), **_with_doctors(values))

    def change(self, request: HttpRequest, row: AppointmentType, values: dict[str, Any]) -> AppointmentType:
        return types.change_type(type_id=row.pk, by=current_user(request), **_with_doctors(values))

    def remove_row(self, request: HttpRequest, pk: UUID) -> None:
        types.remove_type(type_id=pk, by=current_user(request))


def _with_doctors(values: dict[str, Any]) -> dict[str, Any]:
    doctors = {"doctor_ids": [doctor.pk for doctor in values.pop("doctors")]} if "doctors" in values else {}
    return {**values, **doctors}


@admin.register(Room)
@shows_no_patient("where visits take place")
class RoomAdmin(RemovableAdmin):
    empty_hint = _("Add a room, and no two visits overlap in it.")
    access = MANAGER
    ordering = ("office__name", "name", "id")
    list_display = ("name", "office", "is_active")
    fields = ("office", "name", "is_active")
    removal_note = _("You can remove a room only if no appointment has it. This can't be undone.")
    removal_button, removed = _("Remove this room"), _("Room removed.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("office")

    def get_readonly_fields(self, request: HttpRequest, obj: Room | None = None) -> tuple[str, ...]:
        return ("office",) if obj else ()  # visits are booked there

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = Office.objects.order_by("name", "id")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Room:
        return rooms.create_room(by=current_user(request), **_with_ids(values))

    def change(self, request: HttpRequest, row: Room, values: dict[str, Any]) -> Room:
        return rooms.change_room(room_id=row.pk, by=current_user(request), **values)

    def remove_row(self, request: HttpRequest, pk: UUID) -> None:
        rooms.remove_room(room_id=pk, by=current_user(request))


class HoursForm(ServiceForm):
    form_field_names = {"validTo": "valid_to"}

    weekday = forms.TypedChoiceField(
        label=_("Weekday"), choices=list(WEEKDAYS.items()), coerce=int, widget=UnfoldAdminSelectWidget
    )


@admin.register(WorkingHours)
@shows_no_patient("when doctors work")
class WorkingHoursAdmin(_ScheduleAdmin):
    empty_hint = _("Add when each doctor works; free times follow from that.")
    access = MANAGER
    form = HoursForm
    ordering = ("doctor", "weekday", "start", "id")
    list_display = ("doctor_name", "day", "start", "end", "office", "valid_from", "valid_to")
    fields = ("doctor", "office", "weekday", "start", "end", "valid_from", "valid_to")
    removal_note = _("Visits that are booked stay. This can't be undone.")
    removal_button, removed = _("Remove these hours"), _("Working hours removed.")

    def get_fields(self, request: HttpRequest, obj: WorkingHours | None = None) -> list[Any]:
        may_change = obj is None or self.has_change_permission(request, obj)
        return ["day" if name == "weekday" and not may_change else name for name in self.fields]  # 0 is no day's name

    @admin.display(description=_("Day"), ordering="weekday")
    def day(self, row: WorkingHours) -> str:
        return str(WEEKDAYS[row.weekday])

    def describe(self, row: WorkingHours) -> str:
        return f"{WEEKDAYS[row.weekday]} {format_time(row.start)}, {self.doctor_name(row)}"

    def create(self, request: HttpRequest, values: dict[str, Any]) -> WorkingHours:
        return schedules.add_hours(by=current_user(request), **_with_ids(values))

    def change(self, request: HttpRequest, row: WorkingHours, values: dict[str, Any]) -> WorkingHours:
        return schedules.change_hours(hours_id=row.pk, by=current_user(request), **_with_ids(values))

    def remove_row(self, request: HttpRequest, pk: UUID) -> None:
        schedules.remove_hours(hours_id=pk, by=current_user(request))


class ExceptionForm(ServiceForm):
    form_field_names = {"from": "starts_at", "to": "ends_at", "doctorId": "doctor"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"starts_at", "ends_at"} & self.fields.keys():
            if not self.instance._state.adding:
                self.initial[name] = timezone.make_naive(getattr(self.instance, name), self.instance.tzinfo)

    def clean(self) -> Any:
        """What was typed is local to the office, else the practice."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        zone = (cleaned.get("office") or current_practice()).tzinfo
        for name in ("starts_at", "ends_at"):
            if moment := cleaned.get(name):
                cleaned[name] = moment.replace(tzinfo=zone)
                if not EARLIEST <= moment.replace(tzinfo=UTC) < LATEST:
                    self.add_error(name, INVALID_DATE)
        return cleaned


@admin.register(ScheduleException)
@shows_no_patient("when doctors are off")
class ScheduleExceptionAdmin(_ScheduleAdmin):
    empty_hint = _("Add days off, holidays or extra hours.")
    access = MANAGER
    form = ExceptionForm
    ordering = ("-starts_at", "-id")
    list_display = ("doctor_name", "office", "kind", "starts", "ends")
    fields = ("kind", "doctor", "office", "starts_at", "ends_at")
    list_before_template = "admin/appointments/scheduleexception/open_holidays.html"

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(holidays_page)
        return [path("holidays/", page, name="appointments_scheduleexception_holidays"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        shown = {"may_add_holidays": self.has_add_permission(request)}
        return super().changelist_view(request, {**(extra_context or {}), **shown})

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        may_read = current_user(request).can(P.MANAGE_SCHEDULES)
        return (*super().get_list_display(request), *(["reason"] if may_read else []))

    def get_fields(self, request: HttpRequest, obj: ScheduleException | None = None) -> list[Any]:
        may_read = obj is None or schedules.may_read_reason(current_user(request), obj)
        return [*super().get_fields(request, obj), *(["reason"] if may_read else [])]

    @admin.display(description=_("From"), ordering="starts_at")
    def starts(self, row: ScheduleException) -> str:
        return format_local_datetime(row, row.starts_at)

    @admin.display(description=_("To"), ordering="ends_at")
    def ends(self, row: ScheduleException) -> str:
        return format_local_datetime(row, row.ends_at)

    def describe(self, row: ScheduleException) -> str:
        day = timezone.localtime(row.starts_at, row.tzinfo).date()
        return f"{row.get_kind_display()}, {format_day(day)}, {self.doctor_name(row)}"

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in ("starts_at", "ends_at"):
            kwargs["form_class"] = LocalTimeField
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def create(self, request: HttpRequest, values: dict[str, Any]) -> ScheduleException:
        span = {"start": values.pop("starts_at"), "end": values.pop("ends_at")}
        return schedules.add_exception(by=current_user(request), **span, **_with_ids(values))

    def change(self, request: HttpRequest, row: ScheduleException, values: dict[str, Any]) -> ScheduleException:
        span: dict[str, Any] = {}
        if {"starts_at", "ends_at", "office"} & values.keys():  # keep the local time shown in the form
            span = {"start": row.starts_at, "end": row.ends_at}
            values = {name: value for name, value in values.items() if name not in ("starts_at", "ends_at")}
        return schedules.change_exception(exception_id=row.pk, by=current_user(request), **span, **_with_ids(values))

    def remove_row(self, request: HttpRequest, pk: UUID) -> None:
        schedules.remove_exception(exception_id=pk, by=current_user(request))
