"""What every layer may use: errors, addresses, ids, the clock, image files. Imports nothing else of the project."""
