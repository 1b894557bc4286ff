"""Files that a user names: read within bounds, written privately, checked for who else can read them."""
