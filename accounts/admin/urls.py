"""URLs of sign-in and one's own account, included in the admin site's namespace."""

from django.contrib import admin
from django.urls import path
from django.views.decorators.http import require_POST, require_safe
from django.views.generic import RedirectView

from accounts.admin import own_password, security, sessions

guarded = admin.site.admin_view

urlpatterns = [
    path("login/", RedirectView.as_view(pattern_name="home", query_string=True), name="login"),
    path("password_change/", guarded(own_password.change_password, cacheable=True), name="password_change"),
    path("security/", guarded(security.security), name="security"),
    path("security/authenticator/", guarded(security.start_totp), name="security_totp"),
    path("security/authenticator/confirm/", guarded(security.confirm_totp), name="security_totp_confirm"),
    path("security/authenticator/remove/", guarded(security.remove_totp), name="security_totp_remove"),
    path("security/passkeys/", guarded(security.start_passkey), name="security_passkey"),
    path("security/passkeys/add/", guarded(security.add_passkey), name="security_passkey_add"),
    path(
        "security/passkeys/<uuid:passkey_id>/remove/",
        guarded(security.remove_passkey),
        name="security_passkey_remove",
    ),
    path("security/recovery-codes/", guarded(security.new_recovery_codes), name="security_recovery_codes"),
    path("sessions/", guarded(require_safe(sessions.own_sessions)), name="own_sessions"),
    path("sessions/end-others/", guarded(require_POST(sessions.end_others)), name="own_sessions_end_others"),
    path("sessions/<uuid:session_id>/end/", guarded(require_POST(sessions.end_session)), name="own_sessions_end"),
]
