"""How rosters are read."""
