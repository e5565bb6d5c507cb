"""The prompts of agents as users see and change them, and as a turn gives them to a model."""
