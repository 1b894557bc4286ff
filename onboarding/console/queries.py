"""Reads and writes the queries of addresses: what a person looks for, and which page. Pure."""

from collections.abc import Mapping
from urllib.parse import urlencode

LONGEST_SEARCH = 200
"""Characters of a search that are looked at."""

PAGE_DIGITS = 4
"""Digits of a page's number. Python would work for a while on a number of thousands."""


def read_words(fields: Mapping[str, str]) -> str:
    """Read the words that a person looks for."""
    return fields.get("q", "")[:LONGEST_SEARCH].strip()


def read_page_number(fields: Mapping[str, str]) -> int:
    """Read which page is asked for. What is no number is the first."""
    number = fields.get("page", "")
    is_number = number.isascii() and number.isdigit() and len(number) <= PAGE_DIGITS
    return int(number) if is_number else 1


def write_query(fields: Mapping[str, object]) -> str:
    """Write the query of an address; what is empty, and the first page, is left out."""
    return urlencode({name: value for name, value in fields.items() if value not in {"", 1}})
