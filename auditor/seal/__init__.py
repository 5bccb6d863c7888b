"""The seal room: hashes, signs and time-stamps a finished pack, and checks a pack that somebody else sent.

The order of the write side stands in ``pack.py``, that of the read side in ``verify.py``. Judges no AWS account.
"""
