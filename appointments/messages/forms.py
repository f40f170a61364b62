"""Forms of how the practice writes to its patients."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments.models import AppointmentType
from core.texts import READABLE, validate_line
from core.typed import TypedTimeField
from notifications.messages.settings import LONGEST_NOTICE, LONGEST_RECALL
from notifications.models import Channel, MessageKind, MessageLanguage, MessageSettings
from notifications.models.preference import LONGEST_EMAIL, LONGEST_SUBJECT, default_notices


def _hours(label: Any) -> forms.IntegerField:
    return forms.IntegerField(required=False, min_value=1, max_value=LONGEST_NOTICE, label=label)


class SettingsForm(forms.Form):
    """For every type of visit there are two more fields, empty for the hours above them."""

    language = forms.ChoiceField(choices=MessageLanguage.choices, label=_("Language"))
    quiet_from = TypedTimeField(label=_("Nothing is sent from"))
    quiet_until = TypedTimeField(label=_("Nothing is sent until"))
    email_hours = _hours(_("Remind by email, hours before"))
    sms_hours = _hours(_("Remind by text message, hours before"))

    def __init__(self, data: Any = None, *, settings: MessageSettings) -> None:
        usual = settings.reminders.get("", {})
        initial = {
            "language": settings.language,
            "quiet_from": settings.quiet_from,
            "quiet_until": settings.quiet_until,
            "email_hours": usual.get(Channel.EMAIL),
            "sms_hours": usual.get(Channel.SMS),
        }
        super().__init__(data, initial=initial)
        self.kinds = [str(kind) for kind in default_notices()]
        for kind in self.kinds:
            self.fields[f"notice_{kind}"] = forms.MultipleChoiceField(
                required=False,
                choices=Channel.choices,
                label=MessageKind(kind).label,
                initial=settings.channels_of(kind),
                widget=forms.CheckboxSelectMultiple,
            )
        self.types = list(AppointmentType.objects.filter(is_active=True))
        sentences = {
            Channel.EMAIL: gettext("%(type)s: remind by email, hours before"),
            Channel.SMS: gettext("%(type)s: remind by text message, hours before"),
        }
        for each in self.types:
            own = settings.reminders.get(str(each.pk), {})
            for channel, sentence in sentences.items():
                field = _hours(sentence % {"type": each.name})
                field.initial = own.get(channel)
                self.fields[f"{channel}_{each.pk}"] = field
            label = gettext("%(type)s: ask to come again, months after the last visit") % {"type": each.name}
            self.fields[f"recall_{each.pk}"] = forms.IntegerField(
                required=False,
                min_value=1,
                max_value=LONGEST_RECALL,
                label=label,
                initial=settings.recalls.get(str(each.pk)),
            )
        if self.types:
            self.fields["overdue"] = forms.IntegerField(
                required=False,
                min_value=1,
                max_value=LONGEST_RECALL,
                label=_("Once, also ask everyone who has been due for up to this many months"),
            )

    def clean(self) -> None:
        given = self.cleaned_data
        has_rule = any(given.get(f"recall_{each.pk}") for each in self.types)
        if given.get("overdue") and not (has_rule and given.get(f"notice_{MessageKind.RECALL}")):
            sentence = gettext("Say after how many months a type of visit is due again, and how patients are asked.")
            self.add_error("overdue", sentence)

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        reminders = {"": {Channel.EMAIL.value: given["email_hours"], Channel.SMS.value: given["sms_hours"]}}
        for each in self.types:
            own = {name: given[f"{name}_{each.pk}"] for name in Channel.values}
            if any(own.values()):
                reminders[str(each.pk)] = {name: hours for name, hours in own.items() if hours}
        return {
            "language": given["language"],
            "quiet_from": given["quiet_from"],
            "quiet_until": given["quiet_until"],
            "notices": {kind: given[f"notice_{kind}"] for kind in self.kinds},
            "reminders": reminders,
            "recalls": {str(each.pk): months for each in self.types if (months := given[f"recall_{each.pk}"])},
        }


class TextForm(forms.Form):
    subject = forms.CharField(
        required=False, max_length=LONGEST_SUBJECT, validators=[validate_line], label=_("Subject")
    )
    text = forms.CharField(
        required=False,
        max_length=LONGEST_EMAIL,
        validators=READABLE,
        label=_("Text"),
        widget=forms.Textarea({"rows": 12}),
    )

    def __init__(self, *args: Any, channel: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if channel == Channel.SMS:
            del self.fields["subject"]

    def values(self) -> dict[str, str]:
        text = self.cleaned_data["text"].replace("\r\n", "\n")
        return {"subject": self.cleaned_data.get("subject", ""), "text": text}
