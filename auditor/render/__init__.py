"""Turns results and evidence into pages. Decides nothing: what a state means was settled before."""
