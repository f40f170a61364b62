"""Signing out whoever a token names, and out of a browser altogether."""

from django.http import HttpRequest, HttpResponse

from accounts.sessions import cookies
from accounts.sessions import services as sessions
from accounts.sessions.tokens import InvalidToken, TokenType, read


def end_named_by(token: str) -> None:
    """End the session of an access token; one that names none has nothing to end."""
    try:
        sessions.end(session_id=read(token, TokenType.ACCESS, allow_expired=True).session_id)
    except InvalidToken:
        pass


def sign_out_of_api(request: HttpRequest, response: HttpResponse) -> None:
    """End the API's session of this browser and remove its cookies, of every spelling of the API's address."""
    end_named_by(request.COOKIES.get(cookies.ACCESS_COOKIE, ""))
    cookies.clear_all(response)
