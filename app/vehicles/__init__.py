"""Vehicles over HTTP: enrol them, see what was learnt of them, forget them."""
