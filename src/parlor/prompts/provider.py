"""How the services of prompt customization are built."""

from dishka import Provider, Scope

from parlor.prompts.book import PromptBook
from parlor.prompts.user_data import PromptsUserData


def prompts_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide_all(PromptBook, PromptsUserData)
    return provider
