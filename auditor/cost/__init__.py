"""What logging costs a month at list price, from stored evidence: lines that can be computed again by hand.

Asks nobody, reads no clock. What cannot be known is a line of its own, never zero.
"""
