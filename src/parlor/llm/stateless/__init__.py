"""Calls that leave nothing behind: one question, one conversation, one text to analyse. What stays of them is the charge.

Sessions, and turns that survive a lost connection, belong to chat.
"""
