"""The Jinja environment of report and preview: our own pages, escaped, nothing undefined.

Messages are rendered elsewhere, by `messages`, with templates that a user writes.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
"""Each module adds the filters of its own template."""
