"""Arithmetic that every floor above may use."""
