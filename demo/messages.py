"""Messages in the demo: some people want none, one is written to in German, and the visits to come have reminders,
which the worker prints."""

from appointments.messages.planning import plan_missing
from notifications.messages.settings import say_preference
from notifications.models import Channel, How, MessageLanguage
from patients.models import Patient

REFUSED = ((Channel.SMS, How.STOP), (Channel.SMS, How.STAFF), (Channel.EMAIL, How.STAFF))


def fill() -> None:
    """Let the first charts without an account say their wishes, and plan the reminders."""
    charts = Patient.objects.confirmed().filter(user=None).order_by("id")
    for chart, (channel, how) in zip(charts[: len(REFUSED)], REFUSED, strict=True):
        say_preference(patient_id=chart.pk, how=how, channels=[channel], wanted=False)
    say_preference(patient_id=charts[len(REFUSED)].pk, how=How.STAFF, language=MessageLanguage.GERMAN)
    plan_missing()
