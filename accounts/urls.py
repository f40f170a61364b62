"""Routes of sign-in and accounts, below /api/."""

from django.urls import include, path

from accounts.api_clients import oauth2_views
from accounts.api_keys import views as api_keys
from accounts.invitations import views as invitations
from accounts.join_codes import views as join_codes
from accounts.passwords import views as passwords
from accounts.sessions import views as sessions
from accounts.sign_in import views as sign_in
from accounts.users import views as users

urlpatterns = [
    path("auth/login", sign_in.Login.as_view(), name="login"),
    path("auth/refresh", sign_in.Refresh.as_view(), name="refresh"),
    path("auth/token", oauth2_views.Token.as_view(), name="token"),
    path("auth/logout", sign_in.Logout.as_view(), name="logout"),
    path("auth/password-reset", passwords.AskForReset.as_view(), name="password_reset"),
    path("auth/password-reset/confirm", passwords.ConfirmReset.as_view(), name="password_reset_confirm"),
    path("api-keys", api_keys.ApiKeys.as_view(), name="api_keys"),
    path("api-keys/<uuid:key_id>", api_keys.ApiKeyById.as_view(), name="api_key"),
    path("invitations", invitations.Invitations.as_view(), name="invitations"),
    path("invitations/<uuid:invitation_id>/resend", invitations.ResendInvitation.as_view(), name="resend_invitation"),
    path(
        "invitations/<uuid:invitation_id>/withdraw",
        invitations.WithdrawInvitation.as_view(),
        name="withdraw_invitation",
    ),
    path("join-codes", join_codes.JoinCodes.as_view(), name="join_codes"),
    path("join-codes/<uuid:code_id>", join_codes.JoinCodeById.as_view(), name="join_code"),
    path("users", users.Accounts.as_view(), name="accounts"),
    path("users/me", users.Me.as_view(), name="me"),
    path("", include("accounts.second_factor.urls")),
    path("users/me/password", passwords.OwnPassword.as_view(), name="own_password"),
    path("users/me/sessions", sessions.OwnSessions.as_view(), name="own_sessions"),
    path("users/me/sessions/<uuid:session_id>", sessions.OwnSession.as_view(), name="own_session"),
    path("users/<uuid:user_id>", users.AccountById.as_view(), name="account"),
    path("users/<uuid:user_id>/sessions", users.AccountSessions.as_view(), name="account_sessions"),
]
