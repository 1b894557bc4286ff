"""The commands: one thin file per group. They read options, call the pipeline once, and show what came of it.

What is heavy to import (the database, HTTP, templates) is imported inside the commands, so that `--help` is quick.
"""
