"""The room of graphs: what they remember. What runs them belongs to the agents."""

from typing import TYPE_CHECKING

from parlor.module import Module

if TYPE_CHECKING:
    import dishka

    from parlor.agents.langgraph.user_data import GraphUserData
    from parlor.core.userdata import UserData


def _provider() -> "dishka.Provider":
    from dishka import Provider, Scope

    from parlor.agents.langgraph.user_data import GraphUserData

    provider = Provider(scope=Scope.APP)
    provider.provide(GraphUserData)
    return provider


def _user_data(user_data: "GraphUserData") -> "UserData":
    return user_data


module = Module(name="graphs", requires=("agents",), provider=_provider, user_data=_user_data)
