"""What commands share of their command line: its syntax, and sets of options that arrive as typed values."""
