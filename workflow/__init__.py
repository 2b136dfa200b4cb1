"""The engine, and the lifecycles it runs."""
