"""Webinar onboarding: all people on stage get their own join link in the company's own mail.

Reading order: `model` (the words), `cli.main` (the commands), `pipeline` (the story from a roster
row to `sent`), then one room at a time. `docs/architecture.md` draws the house.
"""

__version__ = "0.1.0"
