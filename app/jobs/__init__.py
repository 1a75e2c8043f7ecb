"""Jobs over HTTP: submit, look, follow, cancel, download."""
