"""Benchmarks: each runs beside what it is compared with and prints JSON."""
