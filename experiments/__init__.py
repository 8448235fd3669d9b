"""Experiments of the papers, each by one command; see README.md."""
