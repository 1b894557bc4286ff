"""What people are shown and given."""
