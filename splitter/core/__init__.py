"""What every layer may use: errors, addresses, ids, the clock, limits, pauses, image files.

Imports nothing else of the project.
"""
