"""The steps by which a database came to its present schema, one module per change, named by its day."""
