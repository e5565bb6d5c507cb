"""Refusals of agents."""

from parlor.core.errors import Conflict, Forbidden, NotFound


class UnknownAgent(NotFound):
    code = "agents.unknown_agent"
    detail = "There is no such agent, or you may not use it."


class AgentNameTaken(Conflict):
    code = "agents.name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is an agent called {name} already: take another name, or change that one.")


class AgentOfOperator(Conflict):
    """It is written down where the API does not write."""

    code = "agents.of_operator"

    def __init__(self, name: str, place: str) -> None:
        super().__init__(f"{name} stands in {place}: change it there.")


class AgentChangedMeanwhile(Conflict):
    code = "agents.changed"

    def __init__(self, version: int) -> None:
        super().__init__(f"The agent is at version {version} by now: look at it again before you change it.", version=version)


class TooManyAgents(Conflict):
    code = "agents.too_many"

    def __init__(self, most: int) -> None:
        super().__init__(f"You have {most} agents, which is the most: remove one first.")


class NotYourAgent(Forbidden):
    code = "agents.not_yours"
    detail = "Only administrators change an agent that others use too."


class UserAgentsOff(Forbidden):
    code = "agents.user_agents_off"
    detail = "Only administrators make agents here: the operator can change that with PARLOR_AGENT_RUNTIME__ALLOW_USER_AGENTS."


class AgentCodeRefused(Forbidden):
    code = "agents.code_refused"
    detail = "Graphs and objects are code of the operator: agents of your own are of the kind loop."


class UnnamedAgentCode(AgentCodeRefused):
    detail = "Code comes from the operator's own files: over the API an agent may name a graph or an object that an agent of parlor.toml or of a file names."


class GroupsRefused(Forbidden):
    code = "agents.groups_refused"
    detail = "An agent of your own is seen by you alone: leave `groups` out."
