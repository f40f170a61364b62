"""The admin site's pages of the clinical record. Each registers itself."""

from records.admin import attachments, chart_sections, medical_records, plans, session_notes  # noqa: F401
