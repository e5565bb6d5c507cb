"""Running an agent inside a turn: what an executor works with, the built-in loop, objects of others, and agents that are asked."""
