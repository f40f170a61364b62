"""`Nov 29, 2026, 1:40 PM`. Django's own are `Nov. 29, 2026, 1:40 p.m.`, and "noon" instead of 12:00 PM."""

DATE_FORMAT = "M j, Y"
SHORT_DATE_FORMAT = DATE_FORMAT
MONTH_DAY_FORMAT = "M j"
# Ours: a day with its weekday.
LONG_DAY_FORMAT = "l, F j, Y"
COMING_DAY_FORMAT = "l, F j"
SHORT_DAY_FORMAT = "D, M j"
TIME_FORMAT = "g:i A"
DATETIME_FORMAT = f"{DATE_FORMAT}, {TIME_FORMAT}"
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
# What the picker of a time field writes, and how a form shows a stored time. More is understood when typed:
# core/admin/times.py.
TIME_INPUT_FORMATS = ["%I:%M %p", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f"]
