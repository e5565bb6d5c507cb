"""OpenID Connect: what an issuer says of itself, its keys, and the tokens that they sign. Knows nothing of accounts."""
