"""The first entry point: pages, API and command line over the engine."""
