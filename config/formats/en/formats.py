"""`Nov 29, 2026, 1:40 PM` in New York, `29 Nov 2026, 13:40` in London; in digits `11/29/2026` and `29/11/2026`.
Django's own are `Nov. 29, 2026, 1:40 p.m.`, and "noon" instead of 12:00 PM."""

from core.regional import by_clock, by_order, by_short_order, joined

DATE_FORMAT = by_order(month_first="M j, Y", day_first="j M Y")
SHORT_DATE_FORMAT = by_short_order(month_first="m/d/Y", day_first="d/m/Y")
MONTH_DAY_FORMAT = by_order(month_first="M j", day_first="j M")
YEAR_MONTH_FORMAT = "F Y"
TIME_FORMAT = by_clock(twelve="g:i A", twenty_four="H:i")
DATETIME_FORMAT = joined(DATE_FORMAT, TIME_FORMAT)
SHORT_DATETIME_FORMAT = joined(SHORT_DATE_FORMAT, TIME_FORMAT)

# Ours (core/formats.py)
SHORT_MONTH_FORMAT = "M Y"
TIME_IN_TEXT_FORMAT = TIME_FORMAT
SECONDS_FORMAT = by_clock(twelve="g:i:s A", twenty_four="H:i:s")
WEEKDAY_FORMAT = by_order(month_first="D, M j", day_first="D j M")
WEEKDAY_TIME_FORMAT = joined(WEEKDAY_FORMAT, TIME_FORMAT)
LONG_DATE_FORMAT = by_order(month_first="l, F j, Y", day_first="l, j F Y")
LONG_DAY_FORMAT = by_order(month_first="l, F j", day_first="l, j F")
