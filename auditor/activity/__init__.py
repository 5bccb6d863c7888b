"""What a recorded call does: one table of calls with service, effect and resource, and readers of single records.

A wing: it knows no room, no evidence and no catalogue. Records may be written by anybody; nothing trusts their form.
"""
