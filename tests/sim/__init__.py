"""The deterministic simulation: many calls of random behaviour in the world of `tests.world`, under bad weather, by seed.

plans       what each party of a call is going to do, drawn from the seed
scripts     the parties doing it; browsers: those that join by the API
run         one world full of calls, and what must be true of every one of them
__main__    `python -m tests.sim --seed N --calls N --loss P`: many worlds; replays a seed, prints the ladders
"""
