"""Disturbs a whole deployment in every way it promises to survive, and checks its promises."""
