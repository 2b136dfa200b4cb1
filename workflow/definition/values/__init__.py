"""The frozen values a lifecycle file becomes: what the engine, the pages and the checker read.

Nothing here computes. Names refer to one another by text; the loader has proved that every name resolves.
"""
