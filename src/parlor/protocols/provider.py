"""How the services of protocols are built."""

from dishka import Provider, Scope

from parlor.protocols.openai.models import OpenAIModels


def protocols_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide(OpenAIModels)
    return provider
