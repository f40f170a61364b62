"""The pages on which an office manager says what the practice writes to its patients, and when."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext

from appointments.messages.forms import SettingsForm, TextForm
from core.admin.access_log import shows_no_patient
from core.admin.base import add_refusal
from core.errors import Refusal
from core.pages import WorkPage
from core.permissions import Permission
from notifications.jobs import enqueue
from notifications.messages import templates
from notifications.messages.settings import change_settings, get_settings
from notifications.messages.texts import DEFAULTS, FIELDS, FIELDS_OF, OF_OTHERS
from notifications.models import Channel, MessageKind, MessageLanguage


class SettingsPage(WorkPage):
    needs = Permission.MANAGE_PRACTICE

    @shows_no_patient("what the practice writes, to nobody in particular")
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().dispatch(request, *args, **kwargs)


class MessagesPage(SettingsPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(SettingsForm(settings=get_settings()))

    def post(self, request: HttpRequest) -> HttpResponse:
        before = get_settings()
        when = (before.quiet_from, before.quiet_until, before.reminders)
        form = SettingsForm(request.POST, settings=before)
        if not form.is_valid():
            return self.show(form)
        try:
            after = change_settings(by=self.user, **form.values())
        except Refusal as refusal:
            add_refusal(form, refusal)
            return self.show(form)
        if when != (after.quiet_from, after.quiet_until, after.reminders):
            enqueue("appointments.plan_reminders_again", payload={}, unique_key="again")
        self.done(gettext("Saved: when and how patients get messages."))
        if months := form.cleaned_data.get("overdue"):
            enqueue("appointments.plan_overdue_recalls", payload={"months": months}, unique_key=f"overdue {months}")
            self.done(
                gettext("Everyone who has been due for up to that long will be asked now, or after the quiet hours.")
            )
        return redirect("messages")

    def show(self, form: SettingsForm) -> HttpResponse:
        own = templates.own_texts()
        texts = [
            {
                "kind": MessageKind(kind).label,
                "channel": Channel(channel).label,
                "language": MessageLanguage(language).label,
                "key": (str(kind), str(channel), str(language)),
                "own": own.get((kind, channel, language)),
            }
            for kind, channel, language in DEFAULTS
        ]
        context = {
            "form": form,
            "texts": texts,
            "notices": [form[f"notice_{kind}"] for kind in form.kinds],
            "fields": [form[name] for name in form.fields if not name.startswith("notice_")],
        }
        return render(self.request, "appointments/messages/settings.html", context)


class TextPage(SettingsPage):
    """One text: changed, looked at with examples, sent to oneself, or given up for the one that comes with Praxis."""

    def _done(self, sentence: str, key: dict[str, str]) -> None:
        names = {"kind": MessageKind(key["kind"]).label, "channel": Channel(key["channel"]).label}
        said = sentence % {**names, "language": MessageLanguage(key["language"]).label}
        self.done(said, reverse("message_text", kwargs=key))

    def get(self, request: HttpRequest, **key: str) -> HttpResponse:
        text = self.text(key)
        return self.show(key, TextForm(initial=text._asdict(), channel=key["channel"]))

    def post(self, request: HttpRequest, **key: str) -> HttpResponse:
        self.text(key)
        if "default" in request.POST:
            templates.use_default(by=self.user, **key)
            self._done(gettext("Back to the text that comes with Praxis: %(kind)s, %(channel)s (%(language)s)."), key)
            return redirect("messages")
        form = TextForm(request.POST, channel=key["channel"])
        if not form.is_valid():
            return self.show(key, form)
        try:
            if "save" in request.POST:
                templates.save_text(by=self.user, **key, **form.values())
                self._done(gettext("Saved: %(kind)s, %(channel)s (%(language)s)."), key)
                return redirect("messages")
            shown, said = templates.preview(**key, **form.values()), ""
            if "send" in request.POST:
                templates.send_test(by=self.user, **key, **form.values())
                said = gettext("A test is on its way to you.")
        except Refusal as refusal:
            add_refusal(form, refusal)
            return self.show(key, form)
        return self.show(key, form, shown=shown, said=said)

    def text(self, key: dict[str, str]) -> templates.MessageText:
        try:
            return templates.get_text(**key)
        except LookupError as error:
            raise Http404 from error

    def show(self, key: dict[str, str], form: TextForm, **more: Any) -> HttpResponse:
        names = FIELDS_OF.get(MessageKind(key["kind"]), OF_OTHERS)
        labels = [MessageKind(key["kind"]).label, Channel(key["channel"]).label, MessageLanguage(key["language"]).label]
        context = {
            "form": form,
            "title": ", ".join(str(label) for label in labels),
            "names": [("{" + name + "}", meaning) for name, meaning in FIELDS.items() if name in names],
            **more,
        }
        return render(self.request, "appointments/messages/text.html", context)
