"""The second entry point: what runs by the clock."""
