"""Keeps the house: takes away what is past its time, and makes and restores backups."""
