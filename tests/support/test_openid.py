"""The provider of the tests, as clients see it that others wrote: authlib's for the code flow, PyJWT's for the keys."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from tests.support.openid import CLIENT_ID, CLIENT_SECRET, OpenIdServer, run_openid_server

REDIRECT = "http://127.0.0.1:9/callback"
VERIFIER = "v" * 43


@pytest.fixture
def server() -> Iterator[OpenIdServer]:
    with run_openid_server() as server:
        server.redirect_uris.add(REDIRECT)
        yield server


def client(**more: str) -> OAuth2Session:
    session = OAuth2Session(CLIENT_ID, CLIENT_SECRET, scope="openid email", redirect_uri=REDIRECT, code_challenge_method="S256", **more)
    session.trust_env = False
    return session


def come_back(session: OAuth2Session, document: dict[str, str], **more: str) -> tuple[str, str]:
    """Where the provider sends the browser, and the state that was sent along."""
    url, state = session.create_authorization_url(document["authorization_endpoint"], code_verifier=VERIFIER, **more)
    answer = requests.get(url, allow_redirects=False, timeout=10, proxies={"http": ""})
    assert answer.status_code == 302
    return answer.headers["location"], state


def test_an_official_client_signs_somebody_in(server: OpenIdServer) -> None:
    document = requests.get(f"{server.issuer}/.well-known/openid-configuration", timeout=10, proxies={"http": ""}).json()
    session = client()
    location, state = come_back(session, document, nonce="n-1")
    token = session.fetch_token(document["token_endpoint"], authorization_response=location, code_verifier=VERIFIER, state=state)
    key = jwt.PyJWKClient(document["jwks_uri"]).get_signing_key_from_jwt(token["id_token"])
    claims = jwt.decode(token["id_token"], key, algorithms=["RS256"], audience=CLIENT_ID, issuer=server.issuer)
    assert (claims["sub"], claims["nonce"], claims["email_verified"]) == ("1001", "n-1", True)
    with pytest.raises(OAuthError, match="invalid_grant"):
        session.fetch_token(document["token_endpoint"], authorization_response=location, code_verifier=VERIFIER, state=state)


def test_a_code_is_worth_nothing_without_its_verifier(server: OpenIdServer) -> None:
    document = requests.get(f"{server.issuer}/.well-known/openid-configuration", timeout=10, proxies={"http": ""}).json()
    session = client()
    location, state = come_back(session, document)
    assert parse_qs(urlsplit(location).query)["state"] == [state]
    with pytest.raises(OAuthError, match="invalid_grant"):
        session.fetch_token(document["token_endpoint"], authorization_response=location, code_verifier="w" * 43, state=state)


def test_keys_rotate(server: OpenIdServer) -> None:
    old = server.token()
    server.rotate()
    keys = jwt.PyJWKClient(f"{server.issuer}/jwks")
    new = server.token()
    claims = jwt.decode(new, keys.get_signing_key_from_jwt(new), algorithms=["ES256"], audience=CLIENT_ID)
    assert claims["email"] == "ann@example.com"
    with pytest.raises(jwt.PyJWKClientError):
        keys.get_signing_key_from_jwt(old)
