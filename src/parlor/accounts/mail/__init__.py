"""Mails to people: what they say, and the two ways they leave (an SMTP server, or a folder)."""
