"""The application as an ASGI app: as few layers around a request as it needs."""

from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp

from parlor.core.lazy import unbuilt_models, without

# the models are those of OpenAPI, of which only its own page has need; email_validator is for the address of a contact, of which ours has none
with unbuilt_models(), without("email_validator"):
    from fastapi import FastAPI
    from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware


class House(FastAPI):
    """FastAPI without its own three layers on the outside: errors that nobody expected are the gate's, as are limits of bodies, and nothing is traced there."""

    def build_middleware_stack(self) -> ASGIApp:
        expected = {kind: handler for kind, handler in self.exception_handlers.items() if kind not in (500, Exception)}
        app: ASGIApp = ExceptionMiddleware(AsyncExitStackMiddleware(self.router), handlers=expected)
        for layer, args, options in reversed(self.user_middleware):
            app = layer(app, *args, **options)
        return app
