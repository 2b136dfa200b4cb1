"""The packet an auditor takes away: written here, checked by `verify.py`, which travels in it and needs nothing of ours."""
