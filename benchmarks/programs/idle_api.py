"""Serves, and prints its URL once requests are answered."""

from app.server import serve

serve(on_started=lambda url: print(url, flush=True))
