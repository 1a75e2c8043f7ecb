"""Job kinds: one module a kind, found by themselves.

A module in this package is a job kind when it has `KIND`, a `Pipeline`. It then appears in the API,
the command line and OpenAPI without being named anywhere else.
"""
