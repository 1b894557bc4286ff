"""Compiles a template: MJML or HTML with Jinja in it becomes a Jinja template whose output is finished HTML."""
