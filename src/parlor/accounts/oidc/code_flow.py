"""The two requests of the authorization code flow with PKCE (RFC 6749, RFC 7636), written by authlib."""

from typing import Any, cast

import msgspec


class Client(msgspec.Struct, frozen=True):
    """Us, as the provider knows us. `redirect_uri` is exactly what is registered there."""

    client_id: str
    client_secret: str
    redirect_uri: str


def authorization_url(endpoint: str, client: Client, *, state: str, nonce: str, code_verifier: str) -> str:
    """Where the browser goes."""
    from authlib.oauth2.rfc6749 import parameters
    from authlib.oauth2.rfc7636 import challenge

    more = {"nonce": nonce, "code_challenge": cast("Any", challenge).create_s256_code_challenge(code_verifier), "code_challenge_method": "S256"}
    return cast("Any", parameters).prepare_grant_uri(endpoint, client.client_id, "code", client.redirect_uri, "openid email profile", state, **more)


def token_form(client: Client, *, code: str, code_verifier: str) -> str:
    """What is posted to the token endpoint."""
    from authlib.oauth2.rfc6749 import parameters

    more = {"code": code, "code_verifier": code_verifier, "client_id": client.client_id, "client_secret": client.client_secret}
    return cast("Any", parameters).prepare_token_request("authorization_code", redirect_uri=client.redirect_uri, **more)
