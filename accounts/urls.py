"""Routes of sign-in and accounts, below /api/."""

from django.urls import include, path

from accounts import join_code_views, oauth2_views, office_views, password_views, session_views, views

urlpatterns = [
    path("auth/login", views.Login.as_view(), name="login"),
    path("auth/refresh", views.Refresh.as_view(), name="refresh"),
    path("auth/token", oauth2_views.Token.as_view(), name="token"),
    path("auth/logout", views.Logout.as_view(), name="logout"),
    path("join-codes", join_code_views.JoinCodes.as_view(), name="join_codes"),
    path("join-codes/<uuid:code_id>", join_code_views.JoinCodeById.as_view(), name="join_code"),
    path("offices", office_views.Offices.as_view(), name="offices"),
    path("offices/<uuid:office_id>", office_views.OfficeById.as_view(), name="office"),
    path("auth/password-reset", password_views.AskForReset.as_view(), name="password_reset"),
    path("auth/password-reset/confirm", password_views.ConfirmReset.as_view(), name="password_reset_confirm"),
    path("users/me", views.Me.as_view(), name="me"),
    path("", include("accounts.second_factor.urls")),
    path("users/me/password", password_views.OwnPassword.as_view(), name="own_password"),
    path("users/me/sessions", session_views.OwnSessions.as_view(), name="own_sessions"),
    path("users/me/sessions/<uuid:session_id>", session_views.OwnSession.as_view(), name="own_session"),
]
