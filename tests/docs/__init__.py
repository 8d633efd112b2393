"""The documentation: its site can be built, its samples hold, and it names nothing that is not there."""
