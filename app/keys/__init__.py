"""API keys: who may do what, and how often."""

from app.keys.key import SCOPES, ApiKey, Scope, find_key

__all__ = ["SCOPES", "ApiKey", "Scope", "find_key"]
