"""How a call to another service fails."""


class NotSent(Exception):
    """The server was not reached: it has not acted."""


class Unanswered(Exception):
    """The request was sent, wholly or partly, and there is no answer: nobody knows whether the server acted."""
