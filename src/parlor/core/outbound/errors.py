"""How a call to the outside can fail, by what is known about it afterwards."""

from parlor.core.errors import Invalid, ParlorError, Unavailable


class Refused(Invalid):
    """A user-supplied URL that this server will not call. Nothing was connected."""

    code = "outbound.refused"
    detail = "This address cannot be called from here."


class OutboundFailed(Unavailable):
    """A call that did not bring what it should have. The detail names the host at most, never the URL."""

    code = "outbound.failed"


class Unreachable(OutboundFailed):
    """No connection (name, network, TLS): the request was not sent."""

    code = "outbound.unreachable"


class NoAnswer(OutboundFailed):
    """The request may have been sent, and no status line came back in time."""

    code = "outbound.no_answer"


class Malformed(OutboundFailed):
    """The other side does not speak HTTP as it should."""

    code = "outbound.malformed"


class Broken(OutboundFailed):
    """The answer began and the connection ended before it was complete."""

    code = "outbound.broken"


class TimedOut(OutboundFailed):
    """The answer began and stayed silent too long, or took too long as a whole."""

    code = "outbound.timed_out"


class Oversized(OutboundFailed):
    """The answer is larger than the caller wants to hold."""

    code = "outbound.oversized"


class Rejected(ParlorError):
    """The mail server will not take this mail, now or later. Only its codes are in the detail: its words may name the recipient."""

    code = "outbound.rejected"
