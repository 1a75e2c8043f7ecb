"""The science of canfuse: frames, graphs, experts, fusion, evaluation, releases.

Imports no web framework, no broker and no database.
"""
