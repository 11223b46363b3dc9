"""How many replicas a function should have: by its load, by an alert, or none while nobody calls it."""
