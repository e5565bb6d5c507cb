"""How the services of Composio are built."""

from dishka import Provider, Scope

from parlor.core.outbound import Outbound
from parlor.tools.composio.auth_configs import AuthConfigs
from parlor.tools.composio.callbacks import Callbacks
from parlor.tools.composio.catalogue import Catalogue, provide_catalogue
from parlor.tools.composio.client import ComposioClient
from parlor.tools.composio.connections import Connections
from parlor.tools.composio.execution import Executing
from parlor.tools.composio.policy import ToolkitPolicy
from parlor.tools.composio.settings import ComposioSettings
from parlor.tools.composio.source import ComposioToolSource
from parlor.tools.composio.tool import Workshop
from parlor.tools.composio.toolkits import Toolkits
from parlor.tools.composio.user_data import ComposioUserData
from parlor.tools.composio.watching import Watching
from parlor.tools.settings import ToolSettings


def _settings(settings: ToolSettings) -> ComposioSettings:
    return settings.composio


def _client(outbound: Outbound, settings: ComposioSettings) -> ComposioClient:
    return ComposioClient(outbound, settings)


def composio_provider() -> Provider:
    provider = Provider(scope=Scope.APP)
    provider.provide(_settings)
    provider.provide(_client)
    provider.provide(provide_catalogue, provides=Catalogue)
    provider.provide_all(AuthConfigs, Callbacks, ComposioToolSource, ComposioUserData, Connections, Executing, ToolkitPolicy, Toolkits, Watching, Workshop)
    return provider
