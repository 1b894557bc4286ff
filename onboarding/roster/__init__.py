"""The roster room: a file of people becomes invitees, and problems by row and column.

First step of every run: `fetch` gets the bytes of a file or of standard input; `read` takes CSV,
XLSX, ODS or JSON, and never stops at a bad row. It asks no server: not DNS, not RingCentral, not
the directory. Whether a person may have the role, or is the webinar's host, is for `plan` to say.
The way through: `reader` recognises the format, `text_reader` or `workbook_reader` make a grid of
text, `header` finds which column is which, and `row` turns a row into an invitee, by the rules in
`cells`.
"""

from onboarding.roster.failed_rows import FailedRows, find_failed_rows
from onboarding.roster.reader import fetch, name_of, read

__all__ = ["FailedRows", "fetch", "find_failed_rows", "name_of", "read"]
