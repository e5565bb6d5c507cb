"""Reading what a server wants of whoever it refused: the parameters of `WWW-Authenticate: Bearer` (RFC 6750, RFC 9728)."""

import re

import msgspec

from parlor.tools.mcp.specs import Challenge

_MOST_CHARS = 8192
_TOKEN = re.compile(r"""([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))|([\w-]+)""")
"""A parameter with its value, or the name of a scheme. Quoted values are taken whole, so that nothing inside one is read as a parameter."""
_ESCAPED = re.compile(r"\\(.)")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
MOST_SCOPE_CHARS = 4000


class Wanted(msgspec.Struct, frozen=True):
    """What a Bearer challenge names; each is None where it says nothing."""

    error: str | None = None
    scope: str | None = None
    resource_metadata: str | None = None


def wanted_by(challenge: Challenge | None) -> Wanted:
    """Of several challenges in one header the Bearer's; of a parameter that comes twice the first."""
    if challenge is None:
        return Wanted()
    scheme, found = "", dict[str, str]()
    for name, quoted, plain, word in _TOKEN.findall(challenge.www_authenticate[:_MOST_CHARS]):
        if word:
            scheme = word.lower()
        elif scheme == "bearer":
            found.setdefault(name.lower(), _ESCAPED.sub(r"\1", quoted) if quoted else plain)
    return Wanted(found.get("error") or None, scopes_in(found.get("scope")), found.get("resource_metadata") or None)


def scopes_in(text: str | None) -> str | None:
    """The scopes of a list with spaces (RFC 6749, section 3.3), each once; None when there are none. What is no scope is left out."""
    names = list(dict.fromkeys(name for name in (text or "")[:MOST_SCOPE_CHARS].split(" ") if _SCOPE.fullmatch(name)))
    return " ".join(names) or None


def union_of(*lists: str | None) -> str | None:
    """All scopes of the lists, in order."""
    return scopes_in(" ".join(each for each in lists if each))
