"""What every layer may use: errors, addresses, ids, the clock. Imports nothing else of the project."""
