"""Jinja for messages: what a template may reach is a white list, and what it does has limits."""
