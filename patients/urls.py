"""Routes of charts and registration, below /api/."""

from django.urls import path

from patients import views
from patients.deletion import views as deletion_views
from patients.merging import views as merging_views
from patients.message_wishes import views as wishes_views
from patients.registrations import views as registration_views
from patients.restriction import views as emergency_views

urlpatterns = [
    path("auth/register", registration_views.Register.as_view(), name="register"),
    path("patients", views.Charts.as_view(), name="charts"),
    path("patients/<uuid:chart_id>", views.ChartById.as_view(), name="chart"),
    path("patients/<uuid:chart_id>/restore", deletion_views.RestoreChart.as_view(), name="restore_chart"),
    path("patients/<uuid:chart_id>/legal-hold", deletion_views.LegalHoldOfChart.as_view(), name="legal_hold"),
    path("patients/<uuid:chart_id>/merge", merging_views.MergeCharts.as_view(), name="merge_charts"),
    path("patients/<uuid:chart_id>/merge/undo", merging_views.UndoMerge.as_view(), name="undo_merge"),
    path("deleted", deletion_views.DeletedEntries.as_view(), name="deleted"),
    path("patients/<uuid:chart_id>/restriction", emergency_views.Restriction.as_view(), name="restriction"),
    path("patients/<uuid:chart_id>/emergency-access", emergency_views.BreakGlass.as_view(), name="break_glass"),
    path("patients/<uuid:chart_id>/message-wishes", wishes_views.MessageWishes.as_view(), name="message_wishes"),
    path("registrations", registration_views.Registrations.as_view(), name="registrations"),
    path("registrations/<uuid:registration_id>/confirm", registration_views.Confirm.as_view(), name="confirm"),
    path("registrations/<uuid:registration_id>/decline", registration_views.Decline.as_view(), name="decline"),
    path("registrations/<uuid:declined_id>/reopen", registration_views.Reopen.as_view(), name="reopen"),
    path("emergency-accesses", emergency_views.EmergencyAccesses.as_view(), name="emergency_accesses"),
    path("emergency-accesses/<uuid:access_id>/review", emergency_views.Review.as_view(), name="emergency_review"),
]
