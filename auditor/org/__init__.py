"""An organization: every account of it asked by one run, and one pack in which none of them is missing.

``collect`` reads the list and asks for roles; each account then goes through ``auditor.run``. What this package adds is
the account of accounts: who was listed, who was assessed, who was not and why (``reconcile.py``), and the roll-up.
"""
