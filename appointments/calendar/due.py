"""What is still to be done about a visit. Other apps register what they know of."""

from collections.abc import Callable

from accounts.models import User
from appointments.models import Appointment
from core.errors import Sentence

Check = Callable[[User, Appointment], Sentence]  # returns nothing if nothing is due

CHECKS: list[Check] = []  # in the panel's order


def register_due(check: Check) -> Check:
    CHECKS.append(check)
    return check


def what_is_due(by: User, visit: Appointment) -> list[Sentence]:
    return [sentence for check in CHECKS if (sentence := check(by, visit))]
