"""Files that a user names: read within limits, written privately, checked for other readers."""
