"""What goes in and out of the API, as closed pydantic models: an unknown field is refused, not dropped.

`text` beside a name is what a person reads, in the caller's language; names, days and numbers are for programs.
"""
